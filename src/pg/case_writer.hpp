#pragma once
#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/rt/clock.hpp"
#include "pg/gather.hpp"
#include "pg/memory.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

// A new request that is to be written.
struct OpeningJob {
    app::NewCase fresh;
    wire::Salt salt;
    std::array<std::byte, 10> chance;
    std::optional<Result<app::OpenedCase>> answer = {};
};

// A command for a request, on its way in.
class WaitingAppend final : public Waiting {
  public:
    // `with_salt`: for the words of what it opens.
    WaitingAppend(app::Append append, wire::Salt with_salt, Deadline deadline,
                  std::array<std::byte, 10> with_chance, rt::Awaited<app::Appended>& awaited)
        : Waiting(append.request.text(), true, deadline),
          what(std::move(append)),
          salt(with_salt),
          chance(with_chance),
          awaited_(awaited) {}
    bool answered() const override { return answer.has_value(); }
    void refuse(Failure failure) override { answer.emplace(std::unexpected(std::move(failure))); }
    rt::CompletionQueue::Resume finish() override {
        awaited_.answer = std::move(answer);
        return std::move(awaited_.resume);
    }

    app::Append what;
    wire::Salt salt;
    std::array<std::byte, 10> chance;
    std::optional<Result<app::Appended>> answer;
    bool maybe_ours = false;  // an earlier attempt may have been committed

  private:
    rt::Awaited<app::Appended>& awaited_;
};

// A new request, on its way in. Those with the same Idempotency-Key come one after the other.
class WaitingOpening final : public Waiting, public OpeningJob {
  public:
    WaitingOpening(app::NewCase opening, wire::Salt with_salt, Deadline deadline,
                   std::array<std::byte, 10> with_chance, rt::Awaited<app::OpenedCase>& awaited)
        : Waiting(key_of(opening), false, deadline),
          OpeningJob{std::move(opening), with_salt, with_chance},
          awaited_(awaited) {}
    bool answered() const override { return answer.has_value(); }
    void refuse(Failure failure) override { answer.emplace(std::unexpected(std::move(failure))); }
    rt::CompletionQueue::Resume finish() override {
        awaited_.answer = std::move(answer);
        return std::move(awaited_.resume);
    }

    bool maybe_ours = false;

  private:
    static std::string key_of(const app::NewCase& opening) {
        const auto& key = opening.idempotency;
        return key ? key->token.text() + " " + key->key : opening.request.id.text();
    }
    rt::Awaited<app::OpenedCase>& awaited_;
};

inline constexpr int case_attempts_max = 3;  // while connections break or others are at the same rows

// Writes what was gathered: votes and openings that waited share one transaction. A case is judged as it is
// known, or as it was just read, and written on condition that it still is so; what somebody else is at, or
// has moved, is left to be locked and judged alone.
class CaseWriter {
  public:
    CaseWriter(Memory& memory, Sealing& sealing, const rt::Clock& clock)
        : memory_(memory), sealing_(sealing), clock_(clock) {}
    void together(Session& session, WaitingList& all);
    void alone(Session& session, WaitingList& all);
    Result<core::Case> read(Session& session, const core::RequestId& request);
    // The cases come in no order. One that does not hold together is left out, with an alarm.
    Result<std::vector<core::Case>> read_all(Session& session, const std::vector<core::RequestId>& requests);
    // Sets the case aside, with an alarm, where `failure` says that its record does not hold together.
    void quarantine(Session& session, const core::RequestId& request, const Failure& failure);

  private:
    struct Step;
    using Steps = std::vector<Step>;

    Steps steps_of(WaitingList& all);
    void know(Session& session, Steps& steps, const app::Seals& seals);
    void judge(Step& step, const app::Seals& seals, const core::History& history) const;
    Sql<Done> write_all(Session& session, std::vector<Step*>& steps, std::vector<WaitingOpening*>& openings,
                        const app::Seals& seals);
    Sql<Done> write_steps(Session& session, std::vector<Step*>& steps);
    Sql<Done> write_openings(Session& session, const std::vector<OpeningJob*>& openings,
                             const app::Seals& seals);
    void settle(Step& step);

    void append_alone(Session& session, Step& step);
    Sql<Done> append_once(Session& session, Step& step);
    Sql<bool> lock(Session& session, Step& step, const app::Seals& seals);
    Sql<bool> taken_back(Session& session, Step& step);
    Sql<bool> judge_with_history(Session& session, Step& step, const app::Seals& seals);
    Sql<bool> write_opened(Session& session, Step& step, const app::Seals& seals);
    Sql<Done> write_extras(Session& session, Step& step, const app::Seals& seals);
    void open_alone(Session& session, WaitingOpening& one);
    Sql<Done> open_once(Session& session, WaitingOpening& one);
    Sql<Done> write_opening(Session& session, OpeningJob& job, const app::Seals& seals);
    Result<std::vector<core::Case>> read_rows(Session& session, const std::vector<core::RequestId>& requests,
                                              const std::function<void(const Failure&)>& unreadable);
    Result<app::OpenedCase> repeat_of(Session& session, const WaitingOpening& one, const app::Seals& seals);

    Memory& memory_;
    Sealing& sealing_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
