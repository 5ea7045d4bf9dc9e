#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/app/identity.hpp"
#include "countersign/app/plan.hpp"
#include "countersign/rt/clock.hpp"
#include "fakes/outbox.hpp"

namespace countersign::fakes {

// The stores of app, in memory, held to the same contract suite as PostgreSQL. For one thread.
class Store final : public app::CaseStore,
                    public Outbox,
                    public app::TokenStore,
                    public app::EventLog,
                    public app::SeenTokens {
  public:
    Store(const rt::Clock& clock, rt::Entropy& entropy)
        : Outbox(clock, entropy), clock_(clock), entropy_(entropy) {}

    Later<app::OpenedCase> open(app::NewCase fresh, Deadline deadline) override;
    Later<app::Appended> append(app::Append append, Deadline deadline) override;
    Later<core::Case> read(core::RequestId request, Deadline deadline) override;
    Later<core::Case> read_number(std::int64_t number, Deadline deadline) override;
    Later<app::ListPage> list(app::ListFilter filter, Deadline deadline) override;
    Later<std::vector<app::PendingRequest>> pending(Deadline deadline) override;
    Later<std::vector<core::Case>> read_all(std::vector<core::RequestId> requests,
                                            Deadline deadline) override;
    Later<core::Case> last_approved(app::Alike alike, Deadline deadline) override;
    Later<std::vector<core::RequestId>> due(core::Instant now, std::size_t at_most,
                                            Deadline deadline) override;
    Later<std::vector<std::pair<core::RequestId, std::int32_t>>> versions(
        std::vector<core::RequestId> requests, Deadline deadline) override;

    Later<app::Token> by_hash(Sha256 hash, Deadline deadline) override;
    Later<app::Token> by_id(core::TokenId id, Deadline deadline) override;
    Later<Done> create(app::Token token, Sha256 hash, app::AdminEvent event, Deadline deadline) override;
    Later<std::vector<app::Token>> list(Deadline deadline) override;
    Later<Done> revoke(core::TokenId id, core::Instant now, app::AdminEvent event,
                       Deadline deadline) override;
    Later<Done> confirm(core::TokenId id, app::Token::Confirmation how, app::AdminEvent event,
                        Deadline deadline) override;
    Later<Done> used(std::vector<std::pair<core::TokenId, core::Instant>> uses, Deadline deadline) override;
    Later<bool> first_use(Sha256 token, Sha256 purpose, core::Instant until, core::Instant now,
                          Deadline deadline) override;

    Later<Done> record(app::AdminEvent event, Deadline deadline) override;
    Later<Sequenced> sequence(std::optional<core::ProcessId> tell, Deadline deadline) override;
    Later<app::LogPage> read(std::int64_t after, app::EventFilter filter, std::size_t at_most,
                             Deadline deadline) override;
    Later<std::vector<Touched>> touched(std::int64_t from, std::int64_t to, Deadline deadline) override;

    bool logs_acts = true;  // else administrative acts leave no event, for tests that count their own
    // Types of the events recorded for a request, in order.
    std::vector<std::string> events_of(core::RequestId request) const;
    // Administrative acts, in the order of their ids.
    std::vector<app::AdminEvent> acts() const;
    // As at a failover to a copy that had not heard of it yet.
    void lose(core::RequestId request);

  private:
    struct Kept {
        app::OnRecord on;               // origins in the clear
        std::set<std::string> refused;  // "person why"
    };
    struct Key {
        Sha256 fingerprint;
        core::RequestId request;
        core::Instant at;
    };
    struct Event {
        core::Instant at;
        std::string type;
        std::optional<core::RequestId> request;
        std::int32_t version = 0;
        core::State state = core::State::pending;
        std::optional<core::Value> facts = {};
    };
    void remember_all(const core::Case& c, const app::PlannedEntry& planned);
    void remember(Event event, std::uint8_t place);
    app::LoggedEvent logged(std::int64_t index) const;
    template <class Id>
    Id mint() {
        return Id::mint(clock_.now(), rt::chance(entropy_));
    }
    std::optional<std::int32_t> version_of(core::RequestId request) const override;
    core::Case with_earlier(core::Case c) const;
    core::History history_of(const std::vector<core::HistoryKey>& keys) const;
    void keep(const std::vector<core::HistoryKey>& keys, std::vector<core::HistoryRecord> records);

    const rt::Clock& clock_;
    rt::Entropy& entropy_;
    std::map<core::RequestId, Kept> cases_;
    std::map<std::int64_t, core::RequestId> numbers_;
    std::map<std::pair<core::TokenId, std::string>, Key> keys_;
    std::map<std::string, core::HistoryRecord> history_;  // by a key's text
    app::Token* token(core::TokenId id);                  // nullptr: no such token
    void keep(app::AdminEvent event);

    std::map<Sha256, app::Token> tokens_;
    std::map<core::EventId, app::AdminEvent> acts_;
    std::map<core::EventId, Event> events_;
    std::set<core::EventId> unsequenced_;
    std::vector<core::EventId> log_;  // events in their places
    struct Seen {
        Sha256 purpose;
        core::Instant until;
    };
    std::map<Sha256, Seen> seen_;
};

}  // namespace countersign::fakes
