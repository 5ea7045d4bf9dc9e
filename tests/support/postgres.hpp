#pragma once
#include <memory>
#include <string>

#include "countersign/adapters/pg.hpp"

namespace countersign::support {

// The role that migrations grant to what a server needs, and no more.
inline constexpr const char* app_role = "countersign_app";
// The same database, with the rights of that role alone.
Secret as_app(const Secret& uri);

// A PostgreSQL of this test program's own, started on first use and gone with the program: an
// EmbeddedServer in a temporary folder. Call `postgres()` from the main thread first.
class Postgres {
  public:
    // Makes a migrated database on it.
    Secret fresh_database();
    // Makes a database without any table.
    Secret empty_database();
    // Makes sure that the server has this role, for databases that are migrated from now on: roles belong to
    // all of its databases, so whoever needs one may find it there, and nobody removes it. `app_role` is
    // there from the beginning.
    void have_role(const std::string& name);
    pg::EmbeddedServer& server() { return *server_; }
    const std::string& folder() const { return folder_; }
    // Dies the hard way and comes back on the same socket.
    void kill_and_restart();
    void kill();
    void restart();

    Postgres();
    ~Postgres();

  private:
    std::string folder_;
    std::unique_ptr<pg::EmbeddedServer> server_;
    int databases_ = 0;
};
Postgres& postgres();

std::string temporary_folder();

// Runs SQL as the owner and returns the first column of the first row; fails the test on an error.
std::string sql(const Secret& uri, const std::string& text);
// The SQLSTATE a statement is refused with; empty: it was not refused.
std::string sqlstate_of(const Secret& uri, const std::string& text);

}  // namespace countersign::support
