#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/server.hpp"
#include "countersign/app/log.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/rt/blocking_pool.hpp"

namespace countersign::cli {

// The policy in force: read again when asked to, on a thread of its own, as all or nothing; each one that
// comes into force is an event of the log. For the I/O thread.
class PolicyKeeper {
  public:
    using PolicyPtr = std::shared_ptr<const core::Policy>;
    using Told = std::function<void(const Result<PolicyPtr>&)>;  // how a reload went, for people

    PolicyKeeper(const Ground& ground, app::Roster& roster, app::Log& log, core::ProcessId process,
                 rt::TaskGroup& tasks, std::string path);
    ~PolicyKeeper();

    void begin(PolicyPtr policy);  // with what was loaded before anything ran
    // A policy with errors changes nothing, and the errors are printed. Asked again while one is being read,
    // it is read once more.
    void reload(Told told);
    void log_is_ready();  // events that wait are recorded now, and later ones at once

  private:
    struct Reader {};
    static constexpr std::size_t untold_max = 100;
    static constexpr core::Duration record_patience = std::chrono::seconds{5};
    static constexpr core::Duration record_again = std::chrono::seconds{1};

    void use(PolicyPtr policy, std::string_view why);
    void tell();
    rt::asio::awaitable<void> read_again();
    rt::asio::awaitable<void> record();

    Ground ground_;
    app::Roster& roster_;
    app::Log& log_;
    core::ProcessId process_;
    rt::TaskGroup& tasks_;
    std::string path_;
    // The thread exists from the first reload on: most processes never see one.
    std::optional<rt::BlockingPool<Reader>> thread_;
    Told told_;
    bool reading_ = false;
    bool asked_again_ = false;
    std::deque<app::AdminEvent> untold_;
    bool ready_ = false;
    bool telling_ = false;
};

}  // namespace countersign::cli
