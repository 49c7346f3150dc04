//! Why a file cannot be imported at all. Nothing of it is recorded.

use crate::app::Failure;

/// Why a file cannot be imported at all, in the words of the person who chose it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is not there, or may not be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It has no bytes, or only blanks.
    #[error("it is empty")]
    Empty,
    /// It is larger than [`super::file::MAX_BYTES`].
    #[error("it has {bytes} bytes, at most {limit} are read: split it", limit = super::file::MAX_BYTES)]
    TooLarge {
        /// How many bytes it has, at least.
        bytes: u64,
    },
    /// It has more than [`super::file::MAX_ROWS`] rows.
    #[error("it has more than {limit} rows: split it", limit = super::file::MAX_ROWS)]
    TooManyRows,
    /// A sheet is wider than Excel allows.
    #[error("row {row} has more than {limit} columns: is it a table?", limit = super::sheet::MAX_COLUMNS)]
    TooWide {
        /// The row.
        row: u32,
    },
    /// A workbook of Excel 97 to 2003.
    #[error("it is a workbook of an old Excel (.xls): open it and save it as .xlsx")]
    OldExcel,
    /// A workbook under a password.
    #[error("it is locked with a password: save it without one")]
    Encrypted,
    /// Something else than a table.
    #[error("it is {}, not a table: .csv and .xlsx are read", .en)]
    NotATable {
        /// What it is, in Chinese.
        zh: &'static str,
        /// What it is, in English.
        en: &'static str,
    },
    /// A workbook that is damaged.
    #[error("the workbook is damaged ({detail}): open it in Excel and save it again")]
    Damaged {
        /// What was found.
        detail: String,
    },
    /// A workbook that unpacks to more than is credible.
    #[error("the workbook unpacks to far more than a table has; it is not opened")]
    Bomb,
    /// A text in another encoding.
    #[error("its text is neither UTF-8 nor GBK: save it as CSV UTF-8")]
    Encoding,
    /// A quotation mark without its pair.
    #[error("row {row}: the quotation mark that opens a cell is not closed")]
    OpenQuote {
        /// The row in which it opens.
        row: u32,
    },
    /// No sheet has a header that is understood.
    #[error(
        "no sheet has a header row that is understood. Found: {found}. Expected 项目编号 with 项目名称 (projects), with 事实 and 日期 (facts), or with columns like 征求意见结果.征求户数 (ledger)"
    )]
    NoHeader {
        /// The titles of what may have been the header, by sheet.
        found: String,
    },
    /// Two columns that mean the same.
    #[error("sheet {sheet}: columns {first} and {second} are both {title:?}: keep one")]
    SameColumn {
        /// The sheet.
        sheet: String,
        /// The cell of the first title.
        first: String,
        /// The cell of the second title.
        second: String,
        /// The second title.
        title: String,
    },
}

impl Unreadable {
    fn zh(&self) -> String {
        match self {
            Self::Io(error) => format!("无法读取:{error}"),
            Self::Empty => "文件是空的".to_owned(),
            Self::TooLarge { bytes } => {
                format!(
                    "文件有{bytes}字节,最多读取{}字节:请拆分",
                    super::file::MAX_BYTES
                )
            }
            Self::TooManyRows => format!("超过{}行:请拆分", super::file::MAX_ROWS),
            Self::TooWide { row } => {
                format!("第{row}行超过{}列:这是表格吗?", super::sheet::MAX_COLUMNS)
            }
            Self::OldExcel => "这是旧版Excel工作簿(.xls):请打开后另存为.xlsx".to_owned(),
            Self::Encrypted => "工作簿有密码:请去掉密码后另存".to_owned(),
            Self::NotATable { zh, .. } => format!("这是{zh},不是表格:可导入.csv和.xlsx"),
            Self::Damaged { detail } => format!("工作簿已损坏({detail}):请在Excel中打开并重新保存"),
            Self::Bomb => "工作簿解压后远大于一张表格应有的大小,不予打开".to_owned(),
            Self::Encoding => "文字既不是UTF-8也不是GBK:请另存为“CSV UTF-8”".to_owned(),
            Self::OpenQuote { row } => format!("第{row}行:单元格的引号没有结束"),
            Self::NoHeader { found } => format!(
                "没有看得懂的表头。找到:{found}。应有“项目编号”和“项目名称”(项目表),或“项目编号”“事实”“日期”(事实表),或“征求意见结果.征求户数”这样的列(台账)"
            ),
            Self::SameColumn {
                sheet,
                first,
                second,
                title,
            } => {
                format!("工作表“{sheet}”:{first}和{second}两列都是“{title}”,请只留一列")
            }
        }
    }

    /// As the failure of importing `file`: bad usage, exit code 2.
    pub(super) fn of(self, file: &str) -> Failure {
        Failure::usage(format!("{file}:{}", self.zh()), format!("{file}: {self}"))
    }
}
