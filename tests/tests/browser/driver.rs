//! The browser and the server, started for one test and ended with it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anju_tests::cli::Desk;
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// How long a person would wait for a page.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that ends with its test, with everything that it started.
struct Process(Child);

impl Process {
    fn start(mut command: Command) -> std::io::Result<Self> {
        command.process_group(0).spawn().map(Self)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group was made by us and holds what we started and nothing else.
        let group = format!("-{}", self.0.id());
        let ended = Command::new("kill").args(["-TERM", "--", &group]).status();
        if !ended.is_ok_and(|status| status.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

/// `anju serve` over a desk's store.
pub struct Pages {
    address: String,
    _process: Process,
}

impl Pages {
    /// Serves on a free port.
    pub fn of(desk: &Desk) -> Self {
        let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Process::start(command).expect("the binary starts");
        let stderr = process.0.stderr.take().expect("it is piped");
        let address = BufReader::new(stderr)
            .lines()
            .map(|line| line.expect("it can be read"))
            .find(|line| line.starts_with("http://"))
            .expect("serve says where it listens");
        Self {
            address: address.trim_end_matches('/').to_owned(),
            _process: process,
        }
    }
}

/// How large the screen is.
#[derive(Clone, Copy)]
pub enum Screen {
    /// 1280 px wide.
    Desk,
    /// 375 px wide, touched.
    Phone,
}

/// A headless Chromium.
pub struct Browser {
    client: Client,
    _driver: Process,
}

impl Browser {
    /// Starts one.
    pub async fn start(screen: Screen) -> Self {
        let (driver, port) = chromedriver();
        let mut arguments = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--lang=zh-CN",
        ];
        let mut options = json!({});
        match screen {
            Screen::Desk => arguments.push("--window-size=1280,1600"),
            Screen::Phone => {
                options["mobileEmulation"] = json!({ "deviceMetrics": { "width": 375, "height": 812, "pixelRatio": 2.0, "touch": true } });
            }
        }
        options["args"] = json!(arguments);
        let Value::Object(capabilities) = json!({ "goog:chromeOptions": options }) else {
            unreachable!("it is an object");
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("no browser session ({error}). {INSTALL}"));
        Self {
            client,
            _driver: driver,
        }
    }

    /// Ends it politely.
    pub async fn end(self) {
        self.client.close().await.unwrap();
    }

    /// Opens a page.
    pub async fn open(&self, pages: &Pages, path: &str) {
        self.client
            .goto(&format!("{}{path}", pages.address))
            .await
            .unwrap();
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Waits for an element.
    pub async fn find(&self, locator: Locator<'_>) -> Element {
        match self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(locator)
            .await
        {
            Ok(element) => element,
            Err(error) => panic!(
                "{error}: {locator:?} is not on the page:\n{}",
                self.page().await
            ),
        }
    }

    async fn xpath(&self, path: &str) -> Element {
        self.find(Locator::XPath(path)).await
    }

    async fn page(&self) -> String {
        match self.client.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    /// Waits until a text is seen.
    pub async fn shows(&self, text: &str) {
        let path = format!("//body[contains(normalize-space(.), '{text}')]");
        self.xpath(&path).await;
        let page = self.page().await;
        let seen = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            seen.contains(text),
            "{text:?} is on the page but not seen:\n{page}"
        );
    }

    /// Waits for the page with this main heading.
    pub async fn shows_heading(&self, text: &str) {
        self.xpath(&format!("//h1[normalize-space(.)='{text}']"))
            .await;
    }

    /// The text of an element.
    pub async fn text(&self, css: &str) -> String {
        self.find(Locator::Css(css)).await.text().await.unwrap()
    }

    /// How many elements there are.
    pub async fn all(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// A computed colour.
    pub async fn colour(&self, css: &str, property: &str) -> String {
        self.find(Locator::Css(css))
            .await
            .css_value(property)
            .await
            .unwrap()
    }

    /// Follows the link with this text.
    pub async fn follow(&self, text: &str) {
        self.xpath(&format!("//a[normalize-space(.)='{text}']"))
            .await
            .click()
            .await
            .unwrap();
    }

    /// Presses the button with this text.
    pub async fn press(&self, text: &str) {
        self.xpath(&format!("//button[normalize-space(.)='{text}']"))
            .await
            .click()
            .await
            .unwrap();
    }

    /// The input that a label names.
    async fn labelled(&self, label: &str) -> Element {
        let label = self
            .xpath(&format!(
                "//label[@for and starts-with(normalize-space(.), '{label}')]"
            ))
            .await;
        let id = label
            .attr("for")
            .await
            .unwrap()
            .expect("a label names its input");
        self.find(Locator::Id(&id)).await
    }

    /// Fills in what a label names.
    pub async fn fill(&self, label: &str, text: &str) {
        let input = self.labelled(label).await;
        input.clear().await.unwrap();
        input.send_keys(text).await.unwrap();
    }

    /// Fills in a day. How a day is typed depends on the machine's language, so it is set as a picker sets it.
    pub async fn fill_day(&self, label: &str, day: &str) {
        let input = self.labelled(label).await;
        let script = "arguments[0].value = arguments[1]";
        let arguments = vec![serde_json::to_value(&input).unwrap(), json!(day)];
        self.client.execute(script, arguments).await.unwrap();
    }

    /// Chooses from what a label names.
    pub async fn choose(&self, label: &str, option: &str) {
        self.labelled(label)
            .await
            .select_by_label(option)
            .await
            .unwrap();
    }

    /// What stands in the input that a label names.
    pub async fn value(&self, label: &str) -> String {
        self.labelled(label)
            .await
            .prop("value")
            .await
            .unwrap()
            .unwrap_or_default()
    }

    /// What is said of the input that a label names, for those who cannot see where it stands.
    pub async fn description(&self, label: &str) -> String {
        let input = self.labelled(label).await;
        assert_eq!(
            input.attr("aria-invalid").await.unwrap().as_deref(),
            Some("true")
        );
        let ids = input
            .attr("aria-describedby")
            .await
            .unwrap()
            .expect("it is described");
        let mut text = String::new();
        for id in ids.split(' ') {
            text.push_str(&self.find(Locator::Id(id)).await.text().await.unwrap());
        }
        text
    }

    /// The cell of a row, found by a text in the row and the title of the column.
    pub async fn cell(&self, row: &str, column: &str) -> String {
        let path = format!(
            "//table//tr[contains(., '{row}')]/td[count(//table//th[normalize-space(.)='{column}']/preceding-sibling::th) + 1]"
        );
        self.xpath(&path).await.text().await.unwrap()
    }

    /// The newest entry of the timeline with this title.
    pub async fn entry(&self, title: &str) -> String {
        let path = format!("//ol[contains(@class, 'timeline')]/li[contains(., '{title}')]");
        self.xpath(&path).await.text().await.unwrap()
    }

    /// Types, wherever the focus is.
    pub async fn keys(&self, keys: &str) {
        let focus = self.client.active_element().await.unwrap();
        focus.send_keys(keys).await.unwrap();
    }

    /// What the focus is on, in words.
    pub async fn focus(&self) -> String {
        self.client
            .active_element()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    /// The outline of what has the focus.
    pub async fn focus_outline(&self) -> String {
        let focus = self.client.active_element().await.unwrap();
        focus.css_value("outline-style").await.unwrap()
    }

    /// Presses Tab until the focus is on the element with this id.
    pub async fn tab_to(&self, id: &str) {
        self.tab_until(&format!("document.activeElement.id === '{id}'"))
            .await;
    }

    /// Presses Tab until the focus is on the button with this text.
    pub async fn tab_to_button(&self, text: &str) {
        self.tab_until(&format!(
            "document.activeElement.tagName === 'BUTTON' && document.activeElement.textContent.trim() === '{text}'"
        ))
        .await;
    }

    async fn tab_until(&self, there: &str) {
        for _ in 0..200 {
            let reached = self
                .client
                .execute(&format!("return {there}"), Vec::new())
                .await
                .unwrap();
            if reached == Value::Bool(true) {
                return;
            }
            self.keys(&fantoccini::key::Key::Tab.to_string()).await;
        }
        panic!("200 times Tab, and never: {there}");
    }

    /// How wide the content is, and how wide the screen, in pixels.
    pub async fn widths(&self) -> (u64, u64) {
        let widths = self
            .client
            .execute(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]",
                Vec::new(),
            )
            .await
            .unwrap();
        (widths[0].as_u64().unwrap(), widths[1].as_u64().unwrap())
    }
}

const INSTALL: &str = "The browser tests need Chromium, its driver and a Chinese font. On Debian: \
     apt-get install -y chromium chromium-driver fonts-noto-cjk";

/// Starts chromedriver on a free port, which it tells.
fn chromedriver() -> (Process, u16) {
    let mut command = Command::new("chromedriver");
    command
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process::start(command)
        .unwrap_or_else(|error| panic!("chromedriver does not start ({error}). {INSTALL}"));
    let stdout = process.0.stdout.take().expect("it is piped");
    let port = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        })
        .unwrap_or_else(|| panic!("chromedriver does not say its port. {INSTALL}"));
    (process, port)
}
