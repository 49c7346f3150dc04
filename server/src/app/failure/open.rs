//! Why a store could not be opened, in both languages, with what to do.

use anju_engine::{OpenError, TlsTrouble, Unsuitable};

/// Chinese and English.
pub(super) fn open(error: &OpenError) -> (String, String) {
    let zh = match error {
        OpenError::NotFound { path } => format!("{}:其中没有日志", path.display()),
        OpenError::AlreadyExists { path } => format!("{}:已有日志", path.display()),
        OpenError::NotADatabase { path } => {
            format!("{} 不是数据库文件,请核对 --store", path.display())
        }
        OpenError::ForeignDatabase {
            path,
            application_id,
        } => format!(
            "{} 是其他程序的数据库(application id {application_id:#010x}),未作改动。请用 --store 指明另一个位置",
            path.display()
        ),
        OpenError::Newer { path, found, known } => format!(
            "{}:由更新版本的安居写成(格式版本 {found},本版本只认识 {known})。请使用新版本",
            path.display()
        ),
        OpenError::Corrupt { path, what } => format!(
            "{}:日志已损坏({what})。请用 anju verify 查明从何处起,并从备份恢复",
            path.display()
        ),
        OpenError::Permission { path } => format!(
            "{}:没有读写权限。{}",
            path.display(),
            if is_database(path) {
                "请由日志的所有者授权:anju store init --role 本角色"
            } else {
                "请检查文件和所在目录的权限"
            }
        ),
        OpenError::Busy { path } => {
            format!("{}:另一进程正占用,请稍后重试", path.display())
        }
        OpenError::DiskFull { path } => format!("{}:磁盘已满,请清理后重试", path.display()),
        OpenError::Origin(source) => format!("新日志的首条记录不可用:{source}"),
        OpenError::Address { address, what } => {
            format!("{address} 不是 PostgreSQL 地址({what})")
        }
        OpenError::Unreachable { path, source } => format!(
            "{}:连不上数据库服务器({source})。请确认它在运行,并核对主机和端口",
            path.display()
        ),
        OpenError::Tls { path, what, source } => format!(
            "{}:未能与数据库服务器建立 TLS 连接:{}({source})",
            path.display(),
            tls(*what)
        ),
        OpenError::TooOld {
            path,
            found,
            needed,
        } => format!(
            "{}:服务器是 PostgreSQL {found},至少需要 {needed}。请升级数据库服务器",
            path.display()
        ),
        OpenError::Replica { path } => {
            format!("{}:这是只读备库,不能写入。请改用主库的地址", path.display())
        }
        OpenError::Unsuitable { path, what } => {
            format!("{}:{}", path.display(), unsuitable(what))
        }
        OpenError::NoDatabase { path } => format!(
            "{}:服务器上没有这个数据库。请先创建(createdb),或核对地址中的数据库名",
            path.display()
        ),
        OpenError::SignIn { path, source } => format!(
            "{}:服务器拒绝该角色登录({source})。请核对角色名、密码和服务器的 pg_hba.conf",
            path.display()
        ),
        OpenError::Unavailable { path, source } => {
            format!("{}:数据库出错({source}),请稍后重试", path.display())
        }
    };
    let en = match error {
        OpenError::Permission { path } if is_database(path) => {
            format!("{error}. The owner of the log grants it: anju store init --role ROLE")
        }
        OpenError::Permission { .. } => {
            format!("{error}. See to the rights on the file and its folder")
        }
        OpenError::Unreachable { .. } => {
            format!("{error}. See that it runs, and that host and port are right")
        }
        OpenError::Corrupt { .. } => {
            format!("{error}. Find out from where on with anju verify, and restore from a copy")
        }
        OpenError::Busy { .. } | OpenError::Unavailable { .. } => format!("{error}; try again"),
        OpenError::DiskFull { .. } => format!("{error}; make room, then try again"),
        OpenError::NotADatabase { .. } | OpenError::ForeignDatabase { .. } => {
            format!("{error}; it is left as it is. Name another --store")
        }
        other => other.to_string(),
    };
    (zh, en)
}

/// Whether a place is that of a log in a database.
fn is_database(path: &std::path::Path) -> bool {
    path.to_str()
        .is_some_and(|path| path.starts_with("postgres://"))
}

fn tls(what: TlsTrouble) -> &'static str {
    match what {
        TlsTrouble::NotOffered => {
            "服务器未启用 TLS。请在服务器上启用(ssl = on),或用 sslmode=disable 不经 TLS 连接"
        }
        TlsTrouble::UnknownIssuer => {
            "服务器证书不是本机信任的机构签发的。请用 sslrootcert=文件 指明签发机构的证书"
        }
        TlsTrouble::OtherHost => {
            "服务器证书是给另一主机名的。请改用证书上的主机名,或为该主机另签证书"
        }
        TlsTrouble::NotValidNow => "服务器证书不在有效期内。请更换证书,并核对本机时钟",
        TlsTrouble::Certificate => "服务器证书不可用。请另签一张服务器证书(第 3 版)",
        TlsTrouble::File => {
            "地址中 sslrootcert、sslcert 或 sslkey 指明的文件无法读取。请核对文件名和权限"
        }
        TlsTrouble::Handshake => "双方未能谈妥。请核对 sslcert、sslkey 和服务器的设置",
    }
}

fn unsuitable(what: &Unsuitable) -> String {
    match what {
        Unsuitable::Encoding { encoding } => {
            format!("数据库的编码是 {encoding},请另建一个 UTF8 编码的数据库")
        }
        Unsuitable::Occupied { relations } => format!(
            "该模式(schema)中有其他内容({}),未作改动。请在地址中用 ?schema= 指明另一个",
            relations.join("、")
        ),
        Unsuitable::NoRole { role } => {
            format!("没有角色 {role}。请先执行 CREATE ROLE {role} LOGIN")
        }
        Unsuitable::Owner { role } => {
            format!("角色 {role} 是日志的所有者或超级用户,授权与否都能改动日志。请指明另一个角色")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_with_tls_says_what_to_do_in_both_languages() {
        for (what, words) in [
            (TlsTrouble::NotOffered, ["ssl = on", "ssl = on"]),
            (TlsTrouble::UnknownIssuer, ["sslrootcert", "sslrootcert"]),
            (TlsTrouble::OtherHost, ["请改用", "use the name"]),
            (TlsTrouble::NotValidNow, ["请更换", "renew it"]),
            (TlsTrouble::Certificate, ["请另签", "new one"]),
            (TlsTrouble::File, ["请核对", "mend its name"]),
            (TlsTrouble::Handshake, ["sslkey", "sslkey"]),
        ] {
            let error = OpenError::Tls {
                path: "postgres://me@db.example:5432/town".into(),
                what,
                source: "as found".into(),
            };
            let (zh, en) = open(&error);
            for (text, word) in [zh, en].iter().zip(words) {
                for word in [word, "TLS", "db.example", "as found"] {
                    assert!(text.contains(word), "{text}");
                }
            }
        }
    }
}
