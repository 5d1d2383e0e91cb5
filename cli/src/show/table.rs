//! Tables whose columns align.

/// Where the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// At its left edge: text.
    Left,
    /// At its right edge: numbers.
    Right,
}

/// How many rows are held for one table, where there may be a million: those behind them make another one.
pub(crate) const TABLE_ROWS: usize = 2000;

/// Rows of cells under headings.
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// The lines of the table, without spaces at their ends. Columns without any content are left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        let headings: Vec<String> = self
            .columns
            .iter()
            .map(|(heading, _)| (*heading).to_owned())
            .collect();
        let is_used = |i: usize| self.rows.is_empty() || self.rows.iter().any(|row| !row[i].is_empty());
        let used: Vec<usize> = (0..self.columns.len()).filter(|i| is_used(*i)).collect();
        let width = |i: usize| {
            let cells = self.rows.iter().map(|row| row[i].chars().count());
            cells.chain([headings[i].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cell = |i: &usize| {
                let space = " ".repeat(widths[*i] - row[*i].chars().count());
                match self.columns[*i].1 {
                    Align::Left => format!("{}{space}", row[*i]),
                    Align::Right => format!("{space}{}", row[*i]),
                }
            };
            let cells: Vec<String> = used.iter().map(cell).collect();
            cells.join("  ").trim_end().to_owned()
        };
        std::iter::once(&headings).chain(&self.rows).map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_empty_ones_are_left_out() {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("TAGS", Align::Left),
            ("SIZE", Align::Right),
        ]);
        table.row(vec!["a".into(), String::new(), "1.0 KB".into()]);
        table.row(vec!["größer".into(), String::new(), "9 B".into()]);
        assert_eq!(
            table.lines(),
            ["NAME      SIZE", "a       1.0 KB", "größer     9 B"]
        );
    }
}
