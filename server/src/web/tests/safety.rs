//! What the pages refuse, and what stands on every answer.

use super::harness::{Server, options};
use crate::web::bind;

const RECORD: &str = "action=\"/project/hd-1/record";

/// Every kind of page there is.
const PAGES: [&str; 9] = [
    "/",
    "/?programme=handan-2021",
    "/stalled",
    "/projects",
    "/project/hd-1",
    "/project/hd-1?fact=publicity_posted",
    "/project/hd-1?as_of=2021-03-20",
    "/project/none",
    "/nothing",
];

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_it_safe() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    for path in PAGES
        .into_iter()
        .chain(["/style.css", "/icon.svg", "/healthz"])
    {
        let page = server.get(path).await;
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; \
             base-uri 'none'",
            "{path}"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        let keeps = ["/style.css", "/icon.svg"].contains(&path);
        assert_eq!(page.header("cache-control") == "no-store", !keeps, "{path}");
    }
}

#[tokio::test]
async fn no_page_needs_what_its_policy_forbids() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    for path in PAGES {
        let page = server.get(path).await;
        for forbidden in [
            "<script",
            " style=",
            " onclick=",
            "javascript:",
            "<iframe",
            "<base",
        ] {
            page.hides(forbidden);
        }
    }
}

#[tokio::test]
async fn hostile_names_and_questions_stay_text() {
    let server = Server::start().await;
    let hostile = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>";
    server.register("hd-1", hostile).await;
    let question = "/projects?q=%3Cscript%3Ealert(3)%3C/script%3E%22onfocus=%22";
    for path in [
        "/",
        "/stalled",
        "/projects",
        "/project/hd-1",
        question,
        "/project/%3Cscript%3E",
    ] {
        let page = server.get(path).await;
        page.hides("<script");
        page.hides("<img");
        page.hides("\"onfocus");
    }
    server
        .get("/project/hd-1")
        .await
        .shows("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;&lt;img");
    let form = server.get("/project/hd-1").await.hidden(RECORD, "form");
    let refused = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "survey_completed"),
                ("f.households", "\"><script>alert(4)</script>"),
                ("f.<script>", "1"),
                ("note", "</textarea><script>alert(5)</script>"),
            ],
        )
        .await;
    assert_eq!(refused.status, 422);
    refused.hides("<script");
    refused.shows("&lt;/textarea&gt;&lt;script&gt;");
}

#[tokio::test]
async fn a_form_from_elsewhere_records_nothing() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    let ours = format!("http://{}", server.address);
    let form = server.get("/project/hd-1").await.hidden(RECORD, "form");
    let pairs = [
        ("form", form.as_str()),
        ("fact", "survey_completed"),
        ("f.households", "319"),
    ];
    let before = server.size().await;
    let elsewhere: [&[(&str, &str)]; 7] = [
        &[],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "none")],
        &[("Origin", &ours), ("Sec-Fetch-Site", "same-site")],
        &[
            ("Origin", "http://127.0.0.1:1"),
            ("Sec-Fetch-Site", "same-origin"),
        ],
    ];
    for headers in elsewhere {
        let answer = server
            .post_from("/project/hd-1/record", &pairs, headers)
            .await;
        assert_eq!(answer.status, 403, "{headers:?}");
        answer.shows("表单不是从本站页面提交的");
        let answer = server
            .post_from("/project/hd-1/advance", &pairs, headers)
            .await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert_eq!(server.size().await, before);
    // Older browsers only name the origin.
    let answer = server
        .post_from("/project/hd-1/record", &pairs, &[("Origin", &ours)])
        .await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn a_host_that_is_not_this_machine_is_misdirected() {
    let server = Server::start().await;
    let port = server.address.port();
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example",
        "",
    ] {
        let answer = server.ask("GET", "/", &[("Host", host)], "").await;
        assert!(
            [400, 421].contains(&answer.status),
            "{host}: {}",
            answer.status
        );
        answer.hides("邯郸");
    }
    for host in [
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
    ] {
        let answer = server.ask("GET", "/", &[("Host", &host)], "").await;
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_form_too_large_or_of_another_kind_records_nothing() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    let form = server.get("/project/hd-1").await.hidden(RECORD, "form");
    let before = server.size().await;
    let long = "长".repeat(30_000);
    let large = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "survey_completed"),
                ("note", &long),
            ],
        )
        .await;
    assert_eq!(large.status, 413);
    large.shows("表单过大");
    let noted = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "survey_completed"),
                ("note", &long[..9_000]),
            ],
        )
        .await;
    assert_eq!(noted.status, 422);
    noted.shows("备注最多2000字");
    let origin = format!("http://{}", server.address);
    let headers = [("Origin", origin.as_str()), ("Content-Type", "text/plain")];
    let plain = server
        .ask("POST", "/project/hd-1/record", &headers, "fact=x")
        .await;
    assert_eq!(plain.status, 400);
    let unminted = server
        .post("/project/hd-1/record", &[("fact", "survey_completed")])
        .await;
    assert_eq!(unminted.status, 400);
    let wrong_way = server.get("/project/hd-1/record").await;
    assert_eq!(wrong_way.status, 405);
    assert_eq!(server.size().await, before);
}

#[tokio::test]
async fn on_an_address_that_others_reach_the_pages_only_read() {
    let origin = anju_engine::log::Origin::real("anju.test/open");
    let server = Server::start_on("0.0.0.0:0", origin, options()).await;
    server.register("hd-1", "永丰小区").await;
    let note = server.app.note(Some("王女士 13812345678")).await.unwrap();
    let command = anju_workflows::project::Command::Record {
        fact: "works_started".to_owned(),
        fields: serde_json::Map::new(),
        documents: Vec::new(),
        note,
    };
    server.execute("hd-1", None, command, "2021-03-15").await;
    let page = server.get("/project/hd-1").await;
    assert_eq!(page.status, 200);
    page.shows("只读");
    page.hides("method=\"post\"");
    // Notes may hold what is personal, and nobody has shown who they are.
    page.hides("王女士");
    let before = server.size().await;
    let id = uuid::Uuid::now_v7().to_string();
    let answer = server
        .post(
            "/project/hd-1/record",
            &[("form", &id), ("fact", "works_finished")],
        )
        .await;
    assert_eq!(answer.status, 403);
    answer.shows("页面只读");
    assert_eq!(server.size().await, before);
}

#[tokio::test]
async fn a_taken_port_is_an_error_of_the_store_that_names_the_address() {
    let server = Server::start().await;
    let failure = bind(server.address).await.unwrap_err();
    assert_eq!(failure.exit_code(), 3);
    for lang in [
        anju_workflows::definition::Lang::Zh,
        anju_workflows::definition::Lang::En,
    ] {
        assert!(failure.message(lang).contains(&server.address.to_string()));
    }
}

#[tokio::test]
async fn the_server_ends_when_it_is_told_to() {
    let server = Server::start().await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let address = server.address;
    server.end().await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
