#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "countersign/app/outbox.hpp"
#include "countersign/app/requests.hpp"

// What runs beside the use cases, one task each, until it is cancelled.
namespace countersign::app {

// Writes reminders, escalations and lapses within `poll` of their moment.
class Scheduler {
  public:
    Scheduler(const Runtime& runtime, CaseStore& cases, Requests& requests)
        : runtime_(runtime), cases_(cases), requests_(requests) {}
    rt::asio::awaitable<void> run();

  private:
    const Runtime& runtime_;
    CaseStore& cases_;
    Requests& requests_;
};

// Notices what other replicas did to requests that are waited for here.
class ReplicaFollower {
  public:
    ReplicaFollower(const Runtime& runtime, CaseStore& cases, Waiters& waiters, LogTail& log)
        : runtime_(runtime), cases_(cases), waiters_(waiters), log_(log) {}
    rt::asio::awaitable<void> run();

  private:
    Later<Done> look_at_all();
    Later<Done> look_at_touched(std::int64_t from, std::int64_t to);

    const Runtime& runtime_;
    CaseStore& cases_;
    Waiters& waiters_;
    LogTail& log_;
};

// Notices within `poll` what any replica or administrator changed about people, and judges open requests
// again.
class PeopleFollower {
  public:
    PeopleFollower(const Runtime& runtime, PeopleSync& people, Roster& roster, Requests& requests)
        : runtime_(runtime), people_(people), roster_(roster), requests_(requests) {}
    rt::asio::awaitable<void> run();

  private:
    Later<Done> judge_open_requests();

    const Runtime& runtime_;
    PeopleSync& people_;
    Roster& roster_;
    Requests& requests_;
};

// Notices within `look_every` that other people than before can approve (a group, an account or an absence
// changed), and has the cards of open requests that name them drawn anew.
class ApproverFollower {
  public:
    static constexpr core::Duration look_every = std::chrono::seconds{5};
    static constexpr core::Duration learning_max = std::chrono::minutes{2};  // after the start

    struct Parts {
        Roster& roster;
        CaseStore& cases;
        OutboxStore& cards;
        Outbox& outbox;
    };
    ApproverFollower(const Runtime& runtime, Parts parts) : runtime_(runtime), parts_(parts) {}
    rt::asio::awaitable<void> run();

  private:
    Later<Done> redraw(const core::Directory& before, const core::Directory& now);

    const Runtime& runtime_;
    Parts parts_;
    std::vector<core::RequestId> busy_;  // that somebody else worked on when they were to be drawn anew
};

// Keeps known who is on call, so that cards and lists name them.
class OnCallFollower {
  public:
    OnCallFollower(const Runtime& runtime, Roster& roster) : runtime_(runtime), roster_(roster) {}
    rt::asio::awaitable<void> run();

  private:
    const Runtime& runtime_;
    Roster& roster_;
};

}  // namespace countersign::app
