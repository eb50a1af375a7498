import { decide } from '../../lifecycle/revision/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('revision', decide)
