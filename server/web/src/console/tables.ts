// Tables as files: CSV here, XLSX by a library that is loaded when somebody asks for one.

export interface Sheet {
  name: string
  columns: readonly string[]
  rows: readonly (readonly (string | number | null)[])[]
}

/** For spreadsheets: a mark that says UTF-8, and no cell that a spreadsheet would take for a formula. */
export function csv(sheet: Sheet): string {
  const cell = (value: string | number | null) => {
    if (typeof value === 'number') return String(value)
    const text = (value ?? '').replace(/^([=+\-@\t\r])/, "'$1")
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return '\uFEFF' + [sheet.columns, ...sheet.rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n'
}

export function saveCsv(sheet: Sheet): void {
  save(new Blob([csv(sheet)], { type: 'text/csv;charset=utf-8' }), `${sheet.name}.csv`)
}

export async function saveXlsx(sheet: Sheet): Promise<void> {
  const { default: write } = await import('write-excel-file/browser')
  const head = sheet.columns.map((value) => ({ value, fontWeight: 'bold' as const }))
  const rows = sheet.rows.map((row) => row.map((value) => (value === null ? null : { value })))
  const blob = await write([head, ...rows]).toBlob()
  save(blob, `${sheet.name}.xlsx`)
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
