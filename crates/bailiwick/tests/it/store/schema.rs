//! Both engines end in the schema of one golden file.

use crate::support::golden;
use crate::support::server::fresh_database;

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_schema_of_the_golden_file() {
    let (db, _database) = fresh_database().await;

    let mut tx = db.read().await.unwrap();
    let tables = store::schema::tables(&mut tx).await.unwrap();

    let text: Vec<String> = tables.iter().map(ToString::to_string).collect();
    golden("schema.txt", &text.join("\n"));
    for column in tables.iter().flat_map(|table| &table.columns) {
        assert!(["integer", "text", "bytes", "real"].contains(&column.class.as_str()), "{column:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_has_an_index_so_that_deleting_a_row_reads_no_whole_table() {
    let (db, _database) = fresh_database().await;

    let mut tx = db.read().await.unwrap();
    let tables = store::schema::tables(&mut tx).await.unwrap();

    for table in &tables {
        for reference in table.references.iter().filter(|reference| reference.on_delete == "cascade") {
            let starts = |columns: &[String]| columns.first() == Some(&reference.column);
            let has_index = starts(&table.primary_key) || table.indexes.iter().any(|index| starts(&index.columns));
            assert!(
                has_index,
                "{}.{} is deleted with {} and has no index",
                table.name, reference.column, reference.table
            );
        }
    }
}
