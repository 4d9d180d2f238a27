//! A real `deskwire serve` process on a free port, with a data directory of its own, that ends with the test.

use std::{
    fmt::Display,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
};

use deskwire_protocol::Codec;
use deskwire_test_backends::{Database, Postgres, Redis};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

use crate::{Backend, Client, Connect, Response, Setting, User, binary, directory::bare, http, within};

/// How a server is started.
#[derive(Debug)]
pub struct ServerOptions {
    setting: Setting,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    config: Option<String>,
    shell: Option<String>,
    /// Whose database and secret it shares.
    beside: Option<Beside>,
}

#[derive(Debug)]
struct Beside {
    database_url: String,
    secret: String,
}

impl ServerOptions {
    /// A server of this setting with everything else as by default.
    pub fn new(setting: Setting) -> Self {
        Self {
            setting,
            arguments: Vec::new(),
            environment: Vec::new(),
            config: None,
            shell: None,
            beside: None,
        }
    }

    /// A further node of the service that this server is a node of: on the same database, with the same secret and the same
    /// environment. They hear each other where both are told of one Redis.
    pub fn beside(server: &Server) -> Self {
        let environment = server.options.environment.clone();
        let beside = Beside { database_url: server.database_url(), secret: server.secret() };
        let setting = Setting { backend: Backend::Sqlite, ..server.options.setting };
        Self { environment, beside: Some(beside), ..Self::new(setting) }
            .env("DESKWIRE_DATABASE_URL", server.database_url())
            .env("DESKWIRE_AUTH__HS256_SECRET", server.secret())
    }

    /// Joined with other nodes by this Redis, under a name that no other test has.
    #[must_use]
    pub fn redis(self, redis: &Redis) -> Self {
        self.env("DESKWIRE_REDIS_URL", redis.url()).env("DESKWIRE_BUS__PREFIX", Redis::fresh_name())
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Display) -> Self {
        self.environment.push((name.into(), format!("{value}")));
        self
    }

    /// One more argument of `deskwire serve`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A configuration file with this content.
    #[must_use]
    pub fn config(mut self, toml: impl Into<String>) -> Self {
        self.config = Some(toml.into());
        self
    }

    /// Runs these shell commands in the process before it becomes the server: traps and limits are inherited.
    #[must_use]
    pub fn shell(mut self, commands: impl Into<String>) -> Self {
        self.shell = Some(commands.into());
        self
    }

    /// Starts it and waits until it says that it is ready.
    pub async fn start(self) -> Server {
        let directory =
            tempfile::Builder::new().prefix("deskwire-test-").tempdir().expect("a temporary directory");
        let database = match self.setting.backend {
            Backend::Sqlite => None,
            Backend::Postgres => {
                Some(async { Postgres::shared().await?.create_database().await }.await.expect("PostgreSQL"))
            }
        };
        if let Some(config) = &self.config {
            fs::write(directory.path().join("deskwire.toml"), config).expect("the configuration is written");
        }
        let mut server =
            Server { binary: binary("deskwire"), options: self, directory, database, running: None };
        server.run().await;
        server
    }
}

/// A server, and all it keeps.
#[derive(Debug)]
pub struct Server {
    // Fields are dropped in this order: first the process, then what it works on.
    running: Option<Running>,
    database: Option<Database>,
    directory: TempDir,
    options: ServerOptions,
    binary: PathBuf,
}

#[derive(Debug)]
struct Running {
    child: Child,
    address: String,
    /// Kept open: the server may go on to write there.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server of this setting, with everything else as by default.
    pub async fn start(setting: Setting) -> Self {
        ServerOptions::new(setting).start().await
    }

    /// Whether its process was started, and neither ended nor killed by the test since.
    pub fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.running.as_ref().expect("the server runs").address
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("ws://{}/v1/ws", self.address())
    }

    /// What its clients speak when nothing else is said.
    pub fn codec(&self) -> Codec {
        self.options.setting.codec
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// All that it has written to standard error, over all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// A plain HTTP request.
    pub async fn get(&self, path: &str) -> Response {
        http::get(self.address(), path).await
    }

    /// A plain HTTP request with headers and a body.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        http::request(self.address(), method, path, headers, body).await
    }

    /// An API key of a shop, as `deskwire api-key create` prints it; without scopes it may do everything.
    pub async fn api_key(&self, shop: &str, scopes: &[&str]) -> String {
        let mut arguments = vec!["api-key", "create", "--shop", shop, "--name", "order system"];
        for scope in scopes {
            arguments.extend(["--scope", scope]);
        }
        let output = self.run_to_end(&arguments).await;
        assert!(output.status.success(), "deskwire api-key: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a key is ASCII").trim_end().to_owned()
    }

    /// The address of its database.
    pub fn database_url(&self) -> String {
        match (&self.options.beside, &self.database) {
            (Some(beside), _) => beside.database_url.clone(),
            (None, Some(database)) => database.url().to_owned(),
            (None, None) => format!("sqlite://{}", self.data_dir().join("deskwire.sqlite").display()),
        }
    }

    /// The secret of the node that it was started beside.
    pub(crate) fn shared_secret(&self) -> Option<String> {
        self.options.beside.as_ref().map(|beside| beside.secret.clone())
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.running.as_ref().and_then(|running| running.child.id()).expect("the server runs")
    }

    /// The token that `deskwire token` prints.
    pub async fn token(&self, user: &User) -> String {
        let mut arguments =
            vec!["token", "--role", user.role(), "--shop", &user.shop, "--sub", &user.id, "--name", &user.id];
        let ttl = user.ttl.map(|ttl| ttl.as_secs().to_string());
        if let Some(ttl) = &ttl {
            arguments.extend(["--ttl", ttl]);
        }
        let output = self.run_to_end(&arguments).await;
        assert!(output.status.success(), "deskwire token: {}", String::from_utf8_lossy(&output.stderr));
        let token = String::from_utf8(output.stdout).expect("a token is ASCII");
        token.trim_end().to_owned()
    }

    /// Runs another command of the binary, with the same data directory, environment and configuration.
    pub async fn run_to_end(&self, arguments: &[&str]) -> Output {
        let running = self.command(arguments).stdin(Stdio::null()).output();
        within(format!("deskwire {}", arguments[0]), running).await.expect("deskwire can be run")
    }

    /// Another command of the binary, with the same data directory, environment and configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.options.shell {
            Some(shell) if arguments[0] == "serve" => {
                let mut command = bare(Path::new("sh"));
                command.args(["-c", &format!("{shell}\nexec \"$@\""), "sh"]).arg(&self.binary);
                command
            }
            Some(_) | None => bare(&self.binary),
        };
        command.args(arguments);
        if arguments[0] != "openrpc" {
            command.arg("--data-dir").arg(self.data_dir());
        }
        if self.options.config.is_some() {
            command.arg("--config").arg(self.directory.path().join("deskwire.toml"));
        }
        if let ("serve" | "api-key" | "check-config" | "import" | "migrate" | "revoke", Some(database)) =
            (arguments[0], &self.database)
        {
            command.args(["--database-url", database.url()]);
        }
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.directory.path());
        command
    }

    /// A socket in the usual codec, not authenticated yet.
    pub async fn connect(&self) -> Client {
        Connect::to(self).open().await.expect("the upgrade is accepted")
    }

    /// Someone on a device of their own, authenticated.
    pub async fn join(&self, user: &User) -> Client {
        let token = match user.ttl {
            Some(_) => self.token(user).await,
            None => self.sign(user),
        };
        let mut client = self.connect().await;
        client.start(&token).await;
        client
    }

    /// Someone of whom a token says this, authenticated.
    pub async fn join_with(&self, claims: &Value) -> Client {
        let mut client = self.connect().await;
        client.start(&self.sign_claims(claims)).await;
        client
    }

    /// Things of a shop, as its systems write them: put in by `deskwire import` while the server runs.
    pub async fn import(&self, shop: &str, kind: &str, documents: &[Value]) {
        let lines = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let path = self.directory.path().join(format!("{kind}-{}.ndjson", Client::fresh_id()));
        fs::write(&path, lines).expect("a file can be written");
        let path = path.to_str().expect("the path is UTF-8");
        let output = self.run_to_end(&["import", "--shop", shop, "--kind", kind, path]).await;
        assert!(output.status.success(), "deskwire import: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A buyer of the usual shop, authenticated.
    pub async fn buyer(&self, id: &str) -> Client {
        self.join(&User::buyer(id)).await
    }

    /// An agent of the usual shop, authenticated.
    pub async fn agent(&self, id: &str) -> Client {
        self.join(&User::agent(id)).await
    }

    /// Asks the process to end in order, without waiting for it.
    pub async fn signal_to_end(&self) {
        let id = self.process_id();
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status();
        assert!(within("kill", sent).await.expect("sh can be run").success());
    }

    /// Waits for the process to end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the server runs");
        within("the end of the server", running.child.wait()).await.expect("the server is our child")
    }

    /// Ends the process in order.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal_to_end().await;
        self.ended().await
    }

    /// Ends the process as a power cut would.
    pub async fn kill(&mut self) {
        let mut running = self.running.take().expect("the server runs");
        within("the end of the server", running.child.kill()).await.expect("the server is our child");
    }

    /// Starts the process again on what it left, on a new port.
    pub async fn start_again(&mut self) {
        assert!(self.running.is_none(), "the server still runs");
        self.run().await;
    }

    async fn run(&mut self) {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        command.args(&self.options.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("deskwire can be run");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output is ours"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            if within("`listening on`", stdout.read_line(&mut line)).await.expect("its output can be read")
                == 0
            {
                panic!("deskwire serve ended before it was ready:\n{}", self.log());
            }
            let address = line.trim_end().strip_prefix("listening on ").and_then(|url| url.split_once("://"));
            if let Some((_, address)) = address {
                break address.to_owned();
            }
        };
        self.running = Some(Running { child, address, _stdout: stdout });
    }

    fn log_path(&self) -> PathBuf {
        Path::join(self.directory.path(), "log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the server ({}) ---\n{}---", self.options.setting, self.log());
        }
    }
}
