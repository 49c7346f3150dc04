//! The product on PostgreSQL: every command, the rights of the application's role, several servers, and what is said
//! when the database will not do.

mod commands;
mod desk;
mod refusals;
mod rights;
mod servers;
