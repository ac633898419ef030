/* SQLite without what no statement of the store asks for: a phone downloads what is left in. `scripts/page` has
** sqlite-wasm-rs build this file for its own, which is included.
**
** SQLite's parser knows of all this, and must find something in its place: whoever asks for it is told that it is not
** there. What takes no more than a flag stands in `scripts/page`. */
#define SQLITE_OMIT_ANALYZE
#define SQLITE_OMIT_DATETIME_FUNCS
#define SQLITE_OMIT_REINDEX
#define SQLITE_OMIT_VACUUM
#define SQLITE_OMIT_VIEW
#define SQLITE_OMIT_WINDOWFUNC
#define SQLITE_OMIT_XFER_OPT

#define sqlite3WindowAlloc(parse, ...) (left_out(parse), (Window *)0)
#define sqlite3WindowAssemble(...) ((Window *)0)
#define sqlite3WindowChain(...)
#define sqlite3WindowListDelete(...)
/* Where the parser puts a WINDOW clause, which is always NULL now; as is this. */
#define pWinDefn pNext
struct Parse;
static void left_out(struct Parse *parse);

#include "sqlite3/sqlite3.c"

static void left_out(Parse *parse) { sqlite3ErrorMsg(parse, "left out of this SQLite"); }

SQLITE_PRIVATE void sqlite3Analyze(Parse *parse, Token *one, Token *two) { left_out(parse); }
SQLITE_PRIVATE void sqlite3Reindex(Parse *parse, Token *one, Token *two) { left_out(parse); }
SQLITE_PRIVATE void sqlite3Vacuum(Parse *parse, Token *name, Expr *into) { left_out(parse); }
SQLITE_PRIVATE void sqlite3CreateView(Parse *parse, Token *begin, Token *one, Token *two, ExprList *columns, Select *select,
                                      int temporary, int if_not_exists) { left_out(parse); }

/* SQLite has it only where there is VACUUM, and resets a database by it, too. */
SQLITE_PRIVATE void sqlite3PagerClearCache(Pager *pager) {
    if (!pager->tempFile) pager_reset(pager);
}

/* Asked for CURRENT_TIMESTAMP, which is NULL without the functions for dates. */
struct tm *gmtime(const time_t *moment) { return 0; }
size_t strftime(char *words, size_t most, const char *format, const struct tm *moment) { return 0; }
