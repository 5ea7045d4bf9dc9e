#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "countersign/adapters/pg.hpp"
#include "countersign/rt/steady.hpp"
#include "pg/overseer.hpp"
#include "pg/trouble.hpp"

namespace countersign::pg {

class Session;

// Knows whether the database can be reached and written to. While it cannot be reached, one watcher thread
// tries again and everybody else fails at once instead of waiting out a connect timeout each. What keeps
// everything from being written is learned from whoever meets it, and from a small write now and then; only
// such a write that was kept says that it is over. Thread-safe.
class Health {
  public:
    explicit Health(PgSettings settings);
    ~Health();
    const PgSettings& settings() const { return settings_; }
    const std::string& uri() const { return uri_; }  // complete; holds secrets
    Overseer& overseer() { return overseer_; }
    bool up() const { return up_.load(std::memory_order_relaxed); }
    // Why nothing can be written, in words that anybody may read; empty: as far as is known, it can.
    std::string problem() const;
    // What of that which was acknowledged may be missing one day, see durability_warning.
    std::string warning() const;
    // No connection can be had, or the server does not answer on one. `why`: for the log.
    void went_down(std::string_view why);
    // Whoever meets such trouble with a statement tells it here.
    void note(const SqlTrouble& trouble);
    void stop();

  private:
    void watch();
    bool look(Session& scout);
    void looked(const SqlTrouble& trouble);
    void look_at_promises(Session& scout);
    void came_up();
    void stands_in_the_way(std::string why, const SqlTrouble& trouble);
    void writes();

    const PgSettings settings_;
    const std::string uri_;
    Overseer overseer_;
    std::atomic<bool> up_ = true;  // until an attempt says otherwise
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string why_not_;  // see problem(), while the database can be reached
    std::string warning_;
    bool looked_ = false;
    bool wants_space_ = false;  // the next look takes more than a row
    bool stopping_ = false;
    std::map<std::string, rt::Steady, std::less<>> told_;  // by SQLSTATE
    std::thread watcher_;                                  // last: it uses all of the above
};

}  // namespace countersign::pg
