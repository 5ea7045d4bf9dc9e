#pragma once
#include <atomic>
#include <condition_variable>
#include <expected>
#include <memory>
#include <mutex>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "countersign/adapters/pg.hpp"
#include "pg/binary.hpp"
#include "pg/query.hpp"

namespace countersign::pg {

// Why a statement did not run, sorted by what can be done about it.
struct SqlTrouble {
    enum class Kind : std::uint8_t {
        unreachable,  // no connection, or it broke inside a transaction: nothing happened
        lost,         // the connection broke: what was under way may have happened
        busy,         // a timeout of ours (lock, statement): nothing happened
        again,        // deadlock or serialization: nothing happened, worth another try
        unmigrated,   // tables or columns are missing
        broken,       // a constraint refused: the data, or this program, is wrong
        other,
    } kind = Kind::other;
    std::string detail;
    std::string constraint;
};
// Answers whether the same may be tried again at once.
inline bool worth_another_try(const SqlTrouble& trouble) {
    using enum SqlTrouble::Kind;
    return trouble.kind == unreachable || trouble.kind == lost || trouble.kind == again;
}
template <class T>
using Sql = std::expected<T, SqlTrouble>;

// The failure a caller sees when nothing happened.
Failure as_failure(const SqlTrouble& trouble);

// Knows whether the database can be reached, as the last attempt found. While it cannot, one watcher thread
// tries again and everybody else fails at once instead of waiting out a connect timeout each.
class Health {
  public:
    explicit Health(PgSettings settings);
    ~Health();
    const PgSettings& settings() const { return settings_; }
    const std::string& uri() const { return uri_; }  // complete; holds secrets
    bool up() const { return up_.load(std::memory_order_relaxed); }
    void went_down();
    void came_up();
    void stop();

  private:
    void watch();

    const PgSettings settings_;
    const std::string uri_;
    std::atomic<bool> up_ = true;  // until an attempt says otherwise
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::thread watcher_;
};

// One connection, made when first needed and again when it broke. For one thread.
class Session {
  public:
    explicit Session(Health& health) : health_(health) {}

    // A transaction of its own, unless one is open. Arguments are sent as text; Parameters, which are whole
    // columns of a batch, in binary form.
    Sql<pqxx::result> run(const Query& query, const Arguments& arguments = {});
    Sql<pqxx::result> run(const Query& query, const Parameters& parameters);
    Sql<Done> begin();
    Sql<Done> commit();
    // After an error inside a transaction.
    void roll_back();
    // For statements pqxx should run by itself (schema reports). Connects if need be; null: cannot.
    pqxx::transaction_base* direct();
    void forget();  // the connection is of no use any more

  private:
    Sql<Done> connect();
    Sql<pqxx::result> run_with(auto&& body);
    std::string prepared(const Query& query);

    Health& health_;
    bool in_transaction_ = false;  // until it is told to commit, nothing that was run is kept
    std::unique_ptr<pqxx::connection> connection_;
    std::unique_ptr<pqxx::quiet_errorhandler> quiet_;  // the server's messages are not for our stderr
    std::unique_ptr<pqxx::nontransaction> work_;
    std::unordered_map<const char*, std::string> names_;  // of the queries that this connection has prepared
};

}  // namespace countersign::pg
