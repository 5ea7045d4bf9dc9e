#include "support/postgres.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <pqxx/pqxx>
#include <stdexcept>
#include <thread>

namespace countersign::support {
namespace {

[[noreturn]] void give_up(const std::string& what) {
    throw std::runtime_error(what);
}

std::string with_database(const Secret& uri, const std::string& name) {
    std::string text(uri.reveal());
    std::size_t at = text.find("dbname=");
    return text.substr(0, at) + "dbname=" + name;
}

}  // namespace

Secret as_app(const Secret& uri) {
    return Secret{std::string(uri.reveal()) + " options='-c role=" + app_role + "'"};
}

std::string temporary_folder() {
    // In memory where that can be had: many databases are made and thrown away.
    std::string base =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path().string();
    std::string name = base + "/countersign-test-XXXXXX";
    if (!mkdtemp(name.data())) give_up("cannot make a temporary folder");
    return name;
}

Postgres::Postgres() : folder_(temporary_folder()) {
    restart();
    have_role(app_role);
}

Postgres::~Postgres() {
    kill();
    std::error_code ec;
    std::filesystem::remove_all(folder_, ec);
}

void Postgres::restart() {
    auto started = pg::EmbeddedServer::start(folder_);
    if (!started) give_up(started.error().detail);
    server_ = std::move(*started);
}

void Postgres::kill() {
    if (server_) ::kill(server_->process(), SIGQUIT);  // immediate: as a crash, without a checkpoint
    server_.reset();
}

void Postgres::kill_and_restart() {
    kill();
    restart();
}

Secret Postgres::empty_database() {
    std::string name = "test_" + std::to_string(++databases_);
    pqxx::connection link{std::string(server_->uri().reveal())};
    pqxx::nontransaction work{link};
    work.exec("CREATE DATABASE " + name);
    return Secret{with_database(server_->uri(), name)};
}

void Postgres::have_role(const std::string& name) {
    pqxx::connection link{std::string(server_->uri().reveal())};
    pqxx::nontransaction work{link};
    // Another program may make it at the same moment.
    work.exec("DO $$ BEGIN CREATE ROLE " + work.quote_name(name) +
              "; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$");
}

Secret Postgres::fresh_database() {
    Secret uri = empty_database();
    auto migrated = pg::migrate(uri);
    if (!migrated) give_up(migrated.error().detail);
    return uri;
}

Postgres& postgres() {
    static Postgres one;
    return one;
}

std::string sql(const Secret& uri, const std::string& text) {
    try {
        pqxx::connection link{std::string(uri.reveal())};
        pqxx::nontransaction work{link};
        auto rows = work.exec(text);
        if (rows.empty() || rows.columns() == 0) return {};
        return rows[0][0].c_str();
    } catch (const std::exception& e) {
        ADD_FAILURE() << text << ": " << e.what();
        return {};
    }
}

std::string sqlstate_of(const Secret& uri, const std::string& text) {
    try {
        pqxx::connection link{std::string(uri.reveal())};
        pqxx::nontransaction work{link};
        work.exec(text);
        return {};
    } catch (const pqxx::insufficient_privilege&) {
        return "42501";  // pqxx leaves it out
    } catch (const pqxx::sql_error& e) {
        return e.sqlstate();
    }
}

}  // namespace countersign::support

// libpqxx 6.4 loses the last answer (2 KB) of a connection that breaks: it throws before anything owns it.
// Seen only where tests break connections; nothing else of ours is excused.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libpqxx-6.4";
}
