#!/usr/bin/env node
import { main } from '../dist/cli/main.js'
import { wordsOf } from '../dist/cli/words.js'

process.exitCode = await main(wordsOf(process.argv.slice(2)))
