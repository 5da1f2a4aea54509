import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const PAGES: readonly string[] = globSync(['README*.md', 'docs/*.md'], { cwd: ROOT }).sort()

export const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8')

export interface Block {
  /** The language, and what else stands behind the fence. */
  readonly info: string
  readonly text: string
}

/** The fenced blocks of a text of Markdown, in order. */
export const blocksOf = (markdown: string): Block[] =>
  [...markdown.matchAll(/^```(.+)\n([\s\S]*?)^```$/gm)].map(([, info = '', text = '']) => ({ info, text }))

export const blocks = (page: string, info: string): string[] =>
  blocksOf(textOf(page)).flatMap((block) => (block.info === info ? [block.text] : []))

/** What stands outside of the fenced blocks. */
export const proseOf = (markdown: string): string => markdown.replace(/^```[\s\S]*?^```$/gm, '')

/** The sections of a text, each with its heading. */
export const sectionsOf = (markdown: string): string[] => markdown.split(/^(?=## )/m).slice(1)

/** What links to headings say, as GitHub makes it of them. */
export const anchorsOf = (markdown: string): string[] =>
  [...proseOf(markdown).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  )

/** Where a page's links lead, but for those to other sites. */
export const linksOf = (markdown: string): string[] =>
  [...proseOf(markdown).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, target = '']) => target)
