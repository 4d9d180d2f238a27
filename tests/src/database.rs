//! The database under a running server, as another program gets at it: to change it, or to hold it up.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement};

use crate::{Server, within};

impl Server {
    /// Runs one statement.
    pub async fn execute(&self, statement: &str) {
        let connection = connect(self.database_url()).await;
        execute(&connection, statement).await;
        drop(connection.close().await);
    }

    /// The one number that a query answers.
    pub async fn number(&self, query: &str) -> i64 {
        let connection = connect(self.database_url()).await;
        let statement = Statement::from_string(connection.get_database_backend(), query);
        let row = within(query, connection.query_one_raw(statement)).await;
        let row = row.unwrap_or_else(|error| panic!("{query}: {error}")).expect("it answers a row");
        let number = row.try_get_by_index(0).unwrap_or_else(|error| panic!("{query}: {error}"));
        drop(connection.close().await);
        number
    }

    /// The texts that a query answers, one a row.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        let connection = connect(self.database_url()).await;
        let statement = Statement::from_string(connection.get_database_backend(), query);
        let rows = within(query, connection.query_all_raw(statement)).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
        let text =
            |row: &QueryResult| row.try_get_by_index(0).unwrap_or_else(|error| panic!("{query}: {error}"));
        let texts = rows.iter().map(text).collect();
        drop(connection.close().await);
        texts
    }

    /// Holds up everyone who wants to write into a conversation, until the grip is let go. Reading goes on.
    pub async fn hold_writes(&self) -> Grip {
        let connection = connect(self.database_url()).await;
        if self.database_url().starts_with("sqlite:") {
            execute(&connection, "BEGIN IMMEDIATE").await;
        } else {
            execute(&connection, "BEGIN").await;
            execute(&connection, "LOCK TABLE conversation IN EXCLUSIVE MODE").await;
        }
        Grip { connection }
    }

    /// Holds up everyone who wants to read or write a conversation, until the grip is let go. PostgreSQL only.
    pub async fn hold_reads(&self) -> Grip {
        let connection = connect(self.database_url()).await;
        execute(&connection, "BEGIN").await;
        execute(&connection, "LOCK TABLE conversation IN ACCESS EXCLUSIVE MODE").await;
        Grip { connection }
    }
}

impl Server {
    /// Ends all connections to its database, which takes no new ones. PostgreSQL only.
    pub async fn take_database_away(&self) {
        let name = self.database_name();
        self.execute_beside(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await;
        let backends = format!("FROM pg_stat_activity WHERE datname = '{name}'");
        self.execute_beside(&format!("SELECT pg_terminate_backend(pid) {backends}")).await;
    }

    /// The database takes connections again.
    pub async fn give_database_back(&self) {
        let name = self.database_name();
        self.execute_beside(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")).await;
    }

    /// The database takes no writes, or takes them again; all connections to it begin anew. PostgreSQL only.
    pub async fn let_write(&self, allowed: bool) {
        let name = self.database_name();
        let setting = if allowed {
            "RESET default_transaction_read_only"
        } else {
            "SET default_transaction_read_only = on"
        };
        self.execute_beside(&format!("ALTER DATABASE {name} {setting}")).await;
        let backends = format!("FROM pg_stat_activity WHERE datname = '{name}'");
        self.execute_beside(&format!("SELECT pg_terminate_backend(pid) {backends}")).await;
    }

    fn database_name(&self) -> String {
        let url = self.database_url();
        assert!(url.starts_with("postgres"), "a file cannot be taken away: {url}");
        url.rsplit('/').next().expect("the URL names a database").to_owned()
    }

    /// Runs one statement in the cluster's own database.
    async fn execute_beside(&self, statement: &str) {
        let url = self.database_url();
        let (cluster, _) = url.rsplit_once('/').expect("the URL names a database");
        let connection = connect(format!("{cluster}/postgres")).await;
        execute(&connection, statement).await;
        drop(connection.close().await);
    }
}

/// The database is held up while this lives.
#[derive(Debug)]
pub struct Grip {
    connection: DatabaseConnection,
}

impl Grip {
    /// It goes on.
    pub async fn let_go(self) {
        execute(&self.connection, "ROLLBACK").await;
        drop(self.connection.close().await);
    }
}

async fn connect(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    // A transaction begun by hand stays on the one connection that there is.
    options.max_connections(1).sqlx_logging(false);
    within("a connection to the database", Database::connect(options)).await.expect("the database is there")
}

async fn execute(connection: &DatabaseConnection, statement: &str) {
    let executed = within(statement, connection.execute_unprepared(statement)).await;
    executed.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
