#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/app/log_tail.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/rt/blocking_pool.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/server/server.hpp"

namespace countersign::server {

// The policy in force: read again when asked to, on a thread of its own, as all or nothing; each one that
// comes into force is an event of the log. For the I/O thread.
class PolicyKeeper {
  public:
    PolicyKeeper(const app::Runtime& runtime, app::Roster& roster, app::LogTail& log, rt::TaskGroup& tasks,
                 rt::asio::any_io_executor executor, PolicyReader reader);
    ~PolicyKeeper();

    void begin(PolicyPtr policy);  // with what was loaded before anything ran
    // A policy with errors changes nothing. Asked again while one is being read, it is read once more.
    void reload(PolicyTold told);
    void log_is_ready();  // events that wait are recorded now, and later ones at once

  private:
    struct Nothing {};  // what its thread keeps
    static constexpr std::size_t untold_max = 100;
    static constexpr core::Duration record_patience = std::chrono::seconds{5};
    static constexpr core::Duration record_again = std::chrono::seconds{1};

    void use(PolicyPtr policy, std::string_view why);
    void tell();
    rt::asio::awaitable<void> read_again();
    rt::asio::awaitable<void> record();

    const app::Runtime& runtime_;
    app::Roster& roster_;
    app::LogTail& log_;
    rt::TaskGroup& tasks_;
    rt::asio::any_io_executor executor_;
    PolicyReader reader_;
    // The thread exists from the first reload on: most processes never see one.
    std::optional<rt::BlockingPool<Nothing>> thread_;
    PolicyTold told_;
    bool reading_ = false;
    bool asked_again_ = false;
    std::deque<app::AdminEvent> untold_;
    bool ready_ = false;
    bool telling_ = false;
};

}  // namespace countersign::server
