import { decide } from '../../../metrics/analysis/decide.ts'
import { goldenCases } from '../golden.ts'

goldenCases('analysis', decide)
