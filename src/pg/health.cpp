#include "pg/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "pg/durability.hpp"
#include "pg/session.hpp"
#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds retry_first{100};
constexpr std::chrono::milliseconds retry_max{250};  // clicks wait for it, see app/patience
constexpr std::chrono::seconds told_again_after{10};
// What an answer may take beyond the time that the server itself gives a statement: a commit has no limit
// there.
constexpr std::chrono::seconds answer_grace{3};

// One row for all: where a commit of another replica hangs, this waits for it, and does not succeed either.
constexpr Query write_something{"UPDATE write_probe SET times = times + 1"};
// Half a megabyte of the disk that the tables are on, for a moment. A row may still find room on a page when
// no page can be added any more.
constexpr Query beside_the_tables{"SET LOCAL temp_tablespaces = ''"};
constexpr Query take_space{
    "CREATE TEMPORARY TABLE write_probe_space ON COMMIT DROP AS "
    "SELECT repeat(md5(n::text), 240) AS filler FROM generate_series(1, 64) AS n"};

const Query promises{composed("SELECT " + std::string{durability_columns})};

constexpr std::string_view cannot_be_reached = "the database cannot be reached; trying again";

Sql<Done> wrote(Session& session, bool with_space) {
    auto written = session.run(write_something);
    if (!written) return std::unexpected(written.error());
    if (!with_space) return Done{};
    auto begun = session.begin();
    if (!begun) return begun;
    auto there = session.run(beside_the_tables);
    auto taken = there ? session.run(take_space) : std::move(there);
    session.roll_back();
    // Whoever may not make such a table learns no more than a row tells.
    if (!taken && taken.error().kind != SqlTrouble::Kind::forbidden) return std::unexpected(taken.error());
    return Done{};
}

}  // namespace

Health::Health(PgSettings settings)
    : settings_(std::move(settings)),
      uri_(complete_uri(settings_.uri, settings_.connect_timeout, "countersign")),
      overseer_(settings_.statement_timeout + answer_grace),
      watcher_([this] { watch(); }) {}

Health::~Health() {
    stop();
}

void Health::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (watcher_.joinable()) watcher_.join();
    overseer_.stop();
}

std::string Health::problem() const {
    std::lock_guard lock(mutex_);
    if (!up_) return std::string(cannot_be_reached);
    if (!looked_ && settings_.look_every.count() > 0) return "not connected yet";
    return why_not_;
}

void Health::went_down(std::string_view why) {
    {
        std::lock_guard lock(mutex_);
        if (!up_.exchange(false)) return;
    }
    log::warn("pg", "{} ({})", cannot_be_reached, why);
    changed_.notify_all();
}

void Health::came_up() {
    std::lock_guard lock(mutex_);
    if (!up_.exchange(true)) log::info("pg", "the database is back");
}

void Health::stands_in_the_way(std::string why, const SqlTrouble& trouble) {
    std::lock_guard lock(mutex_);
    if (trouble.kind == SqlTrouble::Kind::no_space) wants_space_ = true;
    if (why_not_ == why) return;
    why_not_ = std::move(why);
    log::error("pg", "nothing can be written: {} (SQLSTATE {}, {})", why_not_, trouble.sqlstate,
               trouble.detail);
    changed_.notify_all();
}

void Health::writes() {
    std::lock_guard lock(mutex_);
    wants_space_ = false;
    if (!std::exchange(why_not_, {}).empty()) log::info("pg", "the database takes writes again");
}

void Health::note(const SqlTrouble& trouble) {
    auto why = why_nothing_is_written(trouble.kind);
    if (!why.empty()) return stands_in_the_way(std::string(why), trouble);
    if (!is_for_the_log(trouble.kind)) return;
    auto now = rt::steady_now();
    std::lock_guard lock(mutex_);
    auto [said, first] = told_.try_emplace(trouble.sqlstate, now);
    if (!first && now - said->second < told_again_after) return;
    said->second = now;
    log::error("pg", "the database refused: {} (SQLSTATE {})", trouble.detail,
               trouble.sqlstate.empty() ? "unknown" : trouble.sqlstate);
}

std::string Health::warning() const {
    std::lock_guard lock(mutex_);
    return warning_;
}

void Health::look_at_promises(Session& scout) {
    auto rows = scout.run(promises);
    if (!rows || rows->empty()) return;
    auto warning = durability_warning(durability_from((*rows)[0], 0, several_hosts(settings_.uri.reveal())));
    std::lock_guard lock(mutex_);
    if (warning == warning_) return;
    warning_ = std::move(warning);
    if (!warning_.empty()) log::warn("pg", "{}", warning_);
}

// What an attempt to write something found.
void Health::looked(const SqlTrouble& trouble) {
    using enum SqlTrouble::Kind;
    switch (trouble.kind) {
        case unreachable:
        case lost:
            return went_down(trouble.detail);
        case busy:
            // Somebody's commit hangs, or the disk does. While the database is taken for unreachable, this is
            // no reason to let everybody try.
            if (up()) stands_in_the_way("the database does not finish a small write in time", trouble);
            return;
        case again:
        case outdated:
            return;
        case unmigrated:
            came_up();  // whoever looks at the schema tells of it
            return writes();
        default:
            break;
    }
    came_up();
    auto why = why_nothing_is_written(trouble.kind);
    if (why.empty()) why = "the database refuses a small write: see the server's log";
    stands_in_the_way(std::string(why), trouble);
}

// Answers whether all is well.
bool Health::look(Session& scout) {
    bool with_space = false;
    {
        std::lock_guard lock(mutex_);
        with_space = wants_space_;
    }
    // What others could not have, a connection, is not found out over one that is there already.
    if (!up()) scout.forget();
    auto done = wrote(scout, with_space);
    if (done) {
        came_up();
        writes();
        if (settings_.look_every.count() > 0) look_at_promises(scout);
    } else {
        looked(done.error());
    }
    std::lock_guard lock(mutex_);
    looked_ = true;
    return up_ && why_not_.empty();
}

void Health::watch() {
    Session scout{*this, Session::Role::scout};
    std::unique_lock lock(mutex_);
    auto in_trouble = [this] { return !up_.load() || !why_not_.empty(); };
    auto pause = retry_first;
    bool regular = settings_.look_every.count() > 0;
    for (bool first = true; !stopping_; first = false) {
        auto called = [&] { return stopping_ || in_trouble(); };
        if (!in_trouble() && !regular)
            changed_.wait(lock, called);
        else if (!in_trouble() && !first)
            changed_.wait_for(lock, settings_.look_every, called);
        if (in_trouble()) changed_.wait_for(lock, pause, [this] { return stopping_; });
        if (stopping_) return;
        lock.unlock();
        bool well = look(scout);
        pause = well ? retry_first : std::min(pause * 2, retry_max);
        lock.lock();
    }
}

}  // namespace countersign::pg
