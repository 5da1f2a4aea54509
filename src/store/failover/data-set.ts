import type { ReplicaFacts } from '../sqlite/replica/facts.ts'

/** Which data set the replica is of, and what all of its instances know. */
export interface DataSet {
  id: string
  secret: Buffer
}

export const dataSetOf = ({ dataSetId, tombstoneKey }: Pick<ReplicaFacts, 'dataSetId' | 'tombstoneKey'>): DataSet => ({
  id: dataSetId,
  secret: Buffer.from(tombstoneKey, 'hex'),
})
