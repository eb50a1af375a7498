import { decide } from '../../../lifecycle/evaluation/decide.ts'
import { goldenCases } from '../golden.ts'

goldenCases('evaluation', decide)
