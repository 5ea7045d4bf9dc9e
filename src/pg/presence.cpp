#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <pqxx/pqxx>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "countersign/adapters/pg.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
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

// Rows leased to a process whose session is gone are anybody's at once.
std::string free_abandoned(core::Instant now) {
    auto free = [&](const char* table) {
        return fmt::format(
            "UPDATE {0} SET holder = NULL, due_at = {1} WHERE due_at > {1} AND holder IN ("
            "SELECT h.holder FROM (SELECT DISTINCT holder FROM {0} WHERE holder IS NOT NULL AND due_at > "
            "{1}) h "
            "WHERE NOT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1 "
            "AND ((l.classid::bigint << 32) | l.objid::bigint) = {2}))",
            table, literal(now), fmt::format(fmt::runtime(lock_key), "h.holder"));
    };
    return free("card_due") + "; " + free("errand") + "; " + free("delivery");
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
                do {
                    work.exec(free_abandoned(clock_.now()));
                } while (rest(stop));
            } catch (const std::exception& e) {
                std::string why = visible(clip_utf8(trim(e.what()), 200));
                if (why != told) log::debug("database", "presence: {}", why);
                told = std::move(why);
                rest(stop);
            }
        }
    }
    bool rest(const std::stop_token& stop) {
        std::unique_lock lock{mutex_};
        wake_.wait_for(lock, stop, presence_look_every, [] { return false; });
        return !stop.stop_requested();
    }

    Secret uri_;
    core::ProcessId process_;
    const rt::Clock& clock_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Presence> keep_presence(const Secret& uri, core::ProcessId process, const rt::Clock& clock) {
    return std::make_unique<PresenceSession>(uri, process, clock);
}

}  // namespace countersign::pg
