import { decide } from '../../../lifecycle/task-definition/decide.ts'
import { goldenCases } from '../golden.ts'

goldenCases('task-definition', decide)
