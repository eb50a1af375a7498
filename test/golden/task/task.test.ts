import { decide } from '../../../lifecycle/task/decide.ts'
import { goldenCases } from '../golden.ts'

goldenCases('task', decide)
