import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { topicsIn } from '../../src/services/vocabulary.ts'
import { DEFAULT_VOCABULARY } from '../../src/vocabulary.ts'
import { anyText } from '../helpers/texts.ts'

const found = (text: string): string[] => topicsIn(text, DEFAULT_VOCABULARY)

describe('the default vocabulary', () => {
  test('finds Chinese words wherever they occur, in its own order', () => {
    expect(found('最近失眠，也很焦虑，工作压力大')).toEqual(['焦虑', '压力', '失眠', '工作'])
    expect(found('今天天气不错')).toEqual([])
    expect(found('')).toEqual([])
  })

  test('finds English words as whole words, in any case', () => {
    expect(found('I feel ANXIOUS about my Work.')).toEqual(['焦虑', '工作'])
    expect(found('The painter is working-class; fireworks!')).toEqual(['工作'])
    expect(found('a studded networker, disparaging jobseekers')).toEqual([])
  })

  test('takes Chinese beside an English word for the end of the word, and other letters, digits and marks for more of it', () => {
    expect(found('我觉得stress很大')).toEqual(['压力'])
    expect(found('stress2 stressé stress_ äöstress')).toEqual([])
  })

  test('finds a word whether it is composed or not', () => {
    const rules = [{ topic: 'café', words: ['café'] }]
    expect(topicsIn('au cafe\u0301 !', rules)).toEqual(['café'])
    expect(topicsIn('au cafés', rules)).toEqual([])
  })
})

test('a word means itself, whatever characters it is made of', () => {
  fc.assert(
    fc.property(anyText({ minLength: 1 }), (word) => {
      fc.pre(word.isWellFormed() && word.trim() === word)
      expect(topicsIn(`… ${word} …`, [{ topic: 'it', words: [word] }])).toEqual(['it'])
    }),
  )
})

test('a topic without words is never found', () => {
  expect(topicsIn('anything', [{ topic: 'none', words: [] }])).toEqual([])
})
