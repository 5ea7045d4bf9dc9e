#pragma once
#include <cstdint>
#include <exception>
#include <expected>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"

namespace countersign::pg {

// Why a statement did not run, sorted by what can be done about it.
struct SqlTrouble {
    enum class Kind : std::uint8_t {
        unreachable,  // no connection, or it broke inside a transaction: nothing happened
        lost,         // the connection broke: what was under way may have happened
        read_only,    // the server takes no writes, as one that was not promoted: nothing happened
        no_space,     // its disk is full: nothing happened
        unwritable,   // its files cannot be read or written: nothing happened
        exhausted,    // it lacks memory or another resource: nothing happened
        busy,         // a timeout of ours (lock, statement): nothing happened
        again,        // deadlock or serialization: nothing happened, worth another try
        outdated,     // what this connection has prepared is no good any more: nothing happened
        unmigrated,   // tables or columns are missing
        forbidden,    // our role lacks a right
        broken,       // a constraint refused: the data, or this program, is wrong
        damaged,      // the server finds its own data damaged, or a bug in itself
        other,
    } kind = Kind::other;
    std::string detail;      // the server's words, one line
    std::string constraint;  // the name of the one that refused
    std::string sqlstate = {};
};

// What the server's five characters mean (PostgreSQL's manual, appendix A).
SqlTrouble::Kind kind_of(std::string_view sqlstate);
// Says what an exception of pqxx comes to.
SqlTrouble translate(const std::exception& e);

// Answers whether the same may be tried again at once.
bool worth_another_try(const SqlTrouble& trouble);
// Answers whether the connection on which this came up is of no use any more.
bool ends_connection(const SqlTrouble& trouble);
// Says why nothing at all can be written while this lasts; empty: it concerns one statement alone.
std::string_view why_nothing_is_written(SqlTrouble::Kind kind);
// Answers whether the log has to tell of this, because nobody else does.
bool is_for_the_log(SqlTrouble::Kind kind);

template <class T>
using Sql = std::expected<T, SqlTrouble>;

// The failure a caller sees when nothing happened.
Failure as_failure(const SqlTrouble& trouble);

// The first line of a message, for logs.
std::string one_line(std::string_view text);

}  // namespace countersign::pg
