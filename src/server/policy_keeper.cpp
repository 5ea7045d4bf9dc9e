#include "server/policy_keeper.hpp"

#include <utility>

#include "countersign/base/log.hpp"

namespace countersign::server {

PolicyKeeper::PolicyKeeper(const app::Runtime& runtime, app::Roster& roster, app::LogTail& log,
                           rt::TaskGroup& tasks, rt::asio::any_io_executor executor, PolicyReader reader)
    : runtime_(runtime),
      roster_(roster),
      log_(log),
      tasks_(tasks),
      executor_(std::move(executor)),
      reader_(std::move(reader)) {}

PolicyKeeper::~PolicyKeeper() = default;

void PolicyKeeper::begin(PolicyPtr policy) {
    use(std::move(policy), "start");
}

void PolicyKeeper::use(PolicyPtr policy, std::string_view why) {
    untold_.push_back(app::admin_event(app::AdminAct::policy_loaded, policy->digest,
                                       core::Value::object({{"why", why},
                                                            {"process", runtime_.process.text()},
                                                            {"rules", policy->rules.size()},
                                                            {"groups", policy->groups.size()},
                                                            {"people", policy->people.size()}}),
                                       runtime_.now(), runtime_.entropy));
    log::info("policy", "{} is in force ({}): {} rules, {} groups, {} people", policy->digest, why,
              policy->rules.size(), policy->groups.size(), policy->people.size());
    if (untold_.size() > untold_max) {
        log::error("policy", "too many events wait for the database; one of a policy loaded is dropped");
        untold_.pop_front();
    }
    roster_.set_policy(std::move(policy));
    tell();
}

void PolicyKeeper::reload(PolicyTold told) {
    told_ = std::move(told);
    asked_again_ = true;
    if (reading_) return;
    reading_ = tasks_.start("policy", read_again());
}

rt::asio::awaitable<void> PolicyKeeper::read_again() {
    if (!thread_) {
        thread_.emplace(executor_, rt::BlockingPool<Nothing>::Limits{.threads = 1, .background = 1},
                        [] { return std::make_unique<Nothing>(); });
    }
    while (std::exchange(asked_again_, false)) {
        auto fresh =
            co_await thread_->run<PolicyPtr>(rt::Lane::interactive, [this](Nothing&) { return reader_(); });
        told_(fresh);
        if (fresh) use(std::move(*fresh), "reload");
    }
    reading_ = false;
}

void PolicyKeeper::log_is_ready() {
    ready_ = true;
    tell();
}

void PolicyKeeper::tell() {
    if (!ready_ || telling_ || untold_.empty()) return;
    telling_ = tasks_.start("policy events", record());
}

// Recording an event twice is recording it once: whatever failed is simply tried again.
rt::asio::awaitable<void> PolicyKeeper::record() {
    while (!untold_.empty()) {
        const core::EventId id = untold_.front().id;
        auto done = co_await log_.record(untold_.front(), runtime_.within(record_patience));
        if (done) {
            if (!untold_.empty() && untold_.front().id == id) untold_.pop_front();
            continue;
        }
        log::warn("policy", "that a policy was loaded is not recorded yet: {}", done.error().detail);
        auto ec = co_await runtime_.timers.sleep_until(runtime_.now() + record_again);
        if (ec) break;
    }
    telling_ = false;
}

}  // namespace countersign::server
