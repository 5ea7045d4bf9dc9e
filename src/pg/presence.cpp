#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <pqxx/pqxx>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "countersign/adapters/pg.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "pg/presence.hpp"
#include "pg/sql.hpp"
#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

constexpr std::chrono::seconds presence_look_every{1};

// The lock that a holder of leases holds while it lives, from the text of its id.
constexpr const char* lock_key = "hashtextextended({}::text, 0)";

std::string keep_lock(const core::ProcessId& process) {
    return fmt::format("SELECT pg_try_advisory_lock({})",
                       fmt::format(fmt::runtime(lock_key), literal(process) + "::uuid"));
}

constexpr std::array<const char*, 3> leased_tables{"card_due", "errand", "delivery"};

// Holders of leases that have not run out, whose session is gone.
std::string holders_without_lock(core::Instant now) {
    std::string holders;
    for (const char* table : leased_tables)
        holders += fmt::format("{}SELECT holder FROM {} WHERE holder IS NOT NULL AND due_at > {}",
                               holders.empty() ? "" : " UNION ", table, literal(now));
    return fmt::format(
        "SELECT h.holder::text FROM ({}) h "
        "WHERE NOT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1 "
        "AND ((l.classid::bigint << 32) | l.objid::bigint) = {})",
        holders, fmt::format(fmt::runtime(lock_key), "h.holder"));
}

// What they hold is anybody's at once.
std::string end_leases(core::Instant now, const std::vector<std::string>& holders) {
    std::string list, sql;
    for (const auto& holder : holders) list += (list.empty() ? "" : ",") + literal(holder) + "::uuid";
    for (const char* table : leased_tables)
        sql +=
            fmt::format("UPDATE {0} SET holder = NULL, due_at = {1} WHERE due_at > {1} AND holder IN ({2}); ",
                        table, literal(now), list);
    return sql;
}

class PresenceSession final : public Presence {
  public:
    PresenceSession(const Secret& uri, core::ProcessId process, const rt::Clock& clock)
        : uri_{complete_uri(uri, side_connect_timeout, "countersign presence")},
          process_(process),
          clock_(clock),
          thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

  private:
    void run(std::stop_token stop) {
        std::string told;
        while (!stop.stop_requested()) {
            try {
                pqxx::connection link{std::string(uri_.reveal())};
                pqxx::nontransaction work{link};
                work.exec(keep_lock(process_));
                told.clear();
                absent_.forget();
                do {
                    look(work);
                } while (rest(stop));
            } catch (const std::exception& e) {
                std::string why = visible(clip_utf8(trim(e.what()), 200));
                if (why != told) log::debug("database", "presence: {}", why);
                told = std::move(why);
                rest(stop);
            }
        }
    }
    void look(pqxx::nontransaction& work) {
        auto now = clock_.now();
        std::vector<std::string> without;
        for (const auto& row : work.exec(holders_without_lock(now)))
            without.push_back(row[0].as<std::string>());
        auto gone = absent_.look(without);
        if (gone.empty()) return;
        log::info("database", "{} replica(s) went away: their work is anybody's now", gone.size());
        work.exec(end_leases(now, gone));
    }
    bool rest(const std::stop_token& stop) {
        std::unique_lock lock{mutex_};
        wake_.wait_for(lock, stop, presence_look_every, [] { return false; });
        return !stop.stop_requested();
    }

    Secret uri_;
    core::ProcessId process_;
    const rt::Clock& clock_;
    AbsentHolders absent_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Presence> keep_presence(const Secret& uri, core::ProcessId process, const rt::Clock& clock) {
    return std::make_unique<PresenceSession>(uri, process, clock);
}

}  // namespace countersign::pg
