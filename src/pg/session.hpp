#pragma once
#include <functional>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <unordered_map>

#include "pg/binary.hpp"
#include "pg/health.hpp"
#include "pg/query.hpp"
#include "pg/trouble.hpp"

namespace countersign::pg {

// One connection, made when first needed and again when it broke. For one thread.
class Session {
  public:
    // A scout finds out how the database is: it connects also while everybody else does not try, and leaves
    // it to the health to make something of what it finds.
    enum class Role : std::uint8_t { worker, scout };
    explicit Session(Health& health, Role role = Role::worker)
        : health_(health), role_(role), overseen_(health.overseer()) {}

    // A transaction of its own, unless one is open. Arguments are sent as text; Parameters, which are whole
    // columns of a batch, in binary form.
    Sql<pqxx::result> run(const Query& query, const Arguments& arguments = {});
    Sql<pqxx::result> run(const Query& query, const Parameters& parameters);
    Sql<Done> begin();
    Sql<Done> commit();
    // After an error inside a transaction.
    void roll_back();
    // Runs statements by pqxx itself, for reports.
    Sql<Done> inspect(const std::function<void(pqxx::transaction_base&)>& body);
    void forget();  // the connection is of no use any more

  private:
    Sql<Done> connect();
    template <class T>
    Sql<T> run_with(auto&& body);
    std::string prepared(const Query& query);

    Health& health_;
    const Role role_;
    Overseen overseen_;
    bool in_transaction_ = false;
    bool committing_ = false;  // until it is told to commit, nothing that a transaction ran is kept
    std::unique_ptr<pqxx::connection> connection_;
    std::unique_ptr<pqxx::quiet_errorhandler> quiet_;  // the server's messages are not for our stderr
    std::unique_ptr<pqxx::nontransaction> work_;
    std::unordered_map<const char*, std::string> names_;  // of the queries that this connection has prepared
};

}  // namespace countersign::pg
