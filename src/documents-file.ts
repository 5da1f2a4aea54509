import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { StartError } from './errors.ts'

const Manifest = z.record(z.string().min(1).max(200), z.string().min(1))

/** The documents of a manifest, as the client preset of GraphQL Code Generator writes it: texts by id. */
export function readDocuments(file: string): ReadonlyMap<string, string> {
  const format = 'It has to hold JSON such as {"sha256:…": "query Users { … }"}.'
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    if (error instanceof SyntaxError) throw new StartError(`${file} is not JSON. ${format}`)
    throw new StartError(`${file} can't be read. Give the path of a file that is there, or leave TRUSTED_DOCUMENTS_FILE out.`)
  }
  const parsed = Manifest.safeParse(json)
  if (!parsed.success) throw new StartError(`${file} is no manifest of documents. ${format}`)
  const documents = new Map(Object.entries(parsed.data))
  for (const [id, text] of documents)
    if (id.startsWith('sha256:') && id !== idOf(text))
      throw new StartError(`${file}: the document under ${id} is another one: its id is ${idOf(text)}. Have the manifest written anew.`)
  return documents
}

const idOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
