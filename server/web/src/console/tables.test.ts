import { expect, it } from 'vitest'

import { csv } from './tables'

it('is read by a spreadsheet as what it says', () => {
  const rows = [['3幢,2单元', '说"好"', 7], ['=1+1', null, -5], ['-x', 'a\nb', 0]] as const
  expect(csv({ name: 'x', columns: ['甲', '乙', '丙'], rows })).toBe(
    '\uFEFF甲,乙,丙\r\n"3幢,2单元","说""好""",7\r\n\'=1+1,,-5\r\n\'-x,"a\nb",0\r\n',
  )
})
