//! The database under a running server, as another program gets at it: to change it, or to hold it up.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

use crate::{Server, within};

impl Server {
    /// Runs one statement.
    pub async fn execute(&self, statement: &str) {
        let connection = connect(self).await;
        execute(&connection, statement).await;
        drop(connection.close().await);
    }

    /// Holds up everyone who wants to write into a conversation, until the grip is let go. Reading goes on.
    pub async fn hold_writes(&self) -> Grip {
        let connection = connect(self).await;
        if self.database_url().starts_with("sqlite:") {
            execute(&connection, "BEGIN IMMEDIATE").await;
        } else {
            execute(&connection, "BEGIN").await;
            execute(&connection, "LOCK TABLE conversation IN EXCLUSIVE MODE").await;
        }
        Grip { connection }
    }
}

/// Writes are held up while this lives.
#[derive(Debug)]
pub struct Grip {
    connection: DatabaseConnection,
}

impl Grip {
    /// Writes go on.
    pub async fn let_go(self) {
        execute(&self.connection, "ROLLBACK").await;
        drop(self.connection.close().await);
    }
}

async fn connect(server: &Server) -> DatabaseConnection {
    let mut options = ConnectOptions::new(server.database_url());
    // A transaction begun by hand stays on the one connection that there is.
    options.max_connections(1).sqlx_logging(false);
    within("a connection to the database", Database::connect(options)).await.expect("the database is there")
}

async fn execute(connection: &DatabaseConnection, statement: &str) {
    let executed = within(statement, connection.execute_unprepared(statement)).await;
    executed.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
