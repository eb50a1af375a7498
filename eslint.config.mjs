import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['node_modules', 'dist', '.cluster', '**/*.mjs', '**/*.cjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      complexity: ['error', 10],
      'max-depth': ['error', 3],
      'max-params': ['error', 4],
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'VariableDeclarator[init.argument.type="ImportExpression"][init.argument.source.value=/^[^.]/] > ObjectPattern > Property[key.name!="default"]',
          message:
            'In a bundle, a CommonJS library that is loaded late has nothing but `default`: import it in a module of its own, and load that late.',
        },
      ],
    },
  },
  // They are in no bundle.
  { files: ['test/**'], rules: { 'no-restricted-syntax': 'off' } },
)
