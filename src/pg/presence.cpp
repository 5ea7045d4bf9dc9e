#include <boost/asio/post.hpp>
#include <condition_variable>
#include <memory>
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
#include "pg/overseer.hpp"
#include "pg/presence.hpp"
#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

constexpr std::chrono::seconds presence_look_every{1};

// The lock that a holder of leases holds while it lives, from the text of its id.
constexpr const char* keep_lock{"SELECT pg_try_advisory_lock(hashtextextended($1::uuid::text, 0))"};

// Holders of leases that have not run out, whose session is gone.
constexpr const char* holders_without_lock{R"(
SELECT h.holder::text
  FROM (SELECT holder FROM outbox WHERE holder IS NOT NULL AND due_at > $1
        UNION SELECT holder FROM delivery WHERE holder IS NOT NULL AND due_at > $1) h
 WHERE NOT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1
                      AND ((l.classid::bigint << 32) | l.objid::bigint)
                          = hashtextextended(h.holder::text, 0)))"};

// Their leases run out now. Who held a request's row stays written there: what became of their work is
// unknown.
constexpr const char* end_leases{R"(
WITH requests AS (UPDATE outbox SET due_at = $1 WHERE due_at > $1 AND holder = ANY ($2::uuid[]))
UPDATE delivery SET due_at = $1, holder = NULL WHERE due_at > $1 AND holder = ANY ($2::uuid[]))"};

class PresenceSession final : public Presence {
  public:
    PresenceSession(const Secret& uri, core::ProcessId process, rt::asio::any_io_executor executor,
                    const rt::Clock& clock, Freed freed)
        : uri_{complete_uri(uri, side_connect_timeout, "countersign presence")},
          process_(process),
          executor_(std::move(executor)),
          clock_(clock),
          freed_(std::make_shared<Freed>(std::move(freed))),
          thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}
    ~PresenceSession() override {
        *freed_ = nullptr;  // what is posted already finds nobody
        thread_.request_stop();
        std::lock_guard lock{mutex_};
        grip_.hang_up();  // a server that does not answer is not waited for
    }

  private:
    void run(std::stop_token stop) {
        std::string told;
        while (!stop.stop_requested()) {
            try {
                pqxx::connection link{std::string(uri_.reveal())};
                if (!gripped(link, stop)) return;
                pqxx::nontransaction work{link};
                work.exec_params(keep_lock, hex(process_.bytes()));
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
    bool gripped(pqxx::connection& link, const std::stop_token& stop) {
        std::lock_guard lock{mutex_};
        grip_.take(link.sock());
        return !stop.stop_requested();
    }
    void look(pqxx::nontransaction& work) {
        auto now = core::rfc3339(clock_.now());
        std::vector<std::string> without;
        for (const auto& row : work.exec_params(holders_without_lock, now))
            without.push_back(row[0].as<std::string>());
        auto gone = absent_.look(without);
        if (gone.empty()) return;
        log::info("database", "{} replica(s) went away; their work is anybody's now", gone.size());
        std::string list = "{";
        for (const auto& holder : gone) list += (list.size() > 1 ? "," : "") + holder;
        work.exec_params(end_leases, now, list + "}");
        rt::asio::post(executor_, [freed = freed_] {
            if (*freed) (*freed)();
        });
    }
    bool rest(const std::stop_token& stop) {
        std::unique_lock lock{mutex_};
        wake_.wait_for(lock, stop, presence_look_every, [] { return false; });
        return !stop.stop_requested();
    }

    Secret uri_;
    core::ProcessId process_;
    rt::asio::any_io_executor executor_;
    const rt::Clock& clock_;
    std::shared_ptr<Freed> freed_;  // shared with what is posted, which may come after us
    AbsentHolders absent_;
    std::mutex mutex_;
    Grip grip_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Presence> keep_presence(const Secret& uri, core::ProcessId process,
                                        rt::asio::any_io_executor executor, const rt::Clock& clock,
                                        Presence::Freed freed) {
    return std::make_unique<PresenceSession>(uri, process, std::move(executor), clock, std::move(freed));
}

}  // namespace countersign::pg
