#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/rt/clock.hpp"

// Who is told of events at a URL of theirs, and what became of telling them.
namespace countersign::app {

using SubscriptionPtr = std::shared_ptr<const Subscription>;  // shared: by all that is to be sent to it

inline constexpr std::size_t subscriptions_max = 200;  // live ones, callbacks of requests apart

// The id of a request's own callback has the same bytes as the request's.
core::SubscriptionId callback_id(core::RequestId request);
// A subscription whose trouble is its own: the subscription itself. Callbacks to one scheme, host and port
// share a lane: there may be one per request.
core::LaneId lane_of(const Subscription& subscription);

struct EventFacts {
    std::string_view type;
    bool about_a_request = false;
    std::string_view action;
    std::string_view environment;
    std::string_view requester;
};
bool wants(const Subscription& subscription, const EventFacts& facts);
// What a request's own callback is told: every change of its state.
bool changes_state(std::string_view event_type);

// ---- secrets: derived, kept nowhere

class WebhookKey {
  public:
    explicit WebhookKey(Secret server_key) : server_key_(std::move(server_key)) {}
    Secret secret(core::SubscriptionId id, std::int32_t number) const;  // 32 bytes
    std::string id() const;  // tells server keys apart, without telling anything else
  private:
    Secret server_key_;
};
Secret secret_text(const Secret& secret);  // "whsec_…", as Standard Webhooks has it

// ---- deliveries

struct EventRef {
    core::EventId id;
    std::string type;
    core::Instant at;
    std::optional<core::RequestId> request;
    std::int32_t version = 0;           // the request's, then
    std::optional<std::int64_t> index;  // in the log; nullopt: a test
    friend bool operator==(const EventRef&, const EventRef&) = default;
};
inline constexpr std::string_view test_event = "subscription.test";

struct Attempt {
    core::Instant at;
    unsigned status = 0;  // 0: no answer
    std::string problem;  // why it failed; empty: it did not
    std::string answer;   // the beginning of the answer's body, at most answer_bytes_max
    core::Duration took{};
    friend bool operator==(const Attempt&, const Attempt&) = default;
};
inline constexpr std::size_t answer_bytes_max = 1'024;

// One event on its way to one subscription: within that, the event's id names it.
struct Delivery {
    enum class State : std::uint8_t { pending, delivered, parked } state = State::pending;
    EventRef event;
    std::int32_t attempts = 0;
    core::Instant begun_at;               // when its time began to run: 72 hours
    std::optional<core::Instant> due_at;  // pending: the next attempt
    std::optional<Attempt> last;
    friend bool operator==(const Delivery&, const Delivery&) = default;
};
std::string_view name_of(Delivery::State state);
std::optional<Delivery::State> parse_delivery_state(std::string_view text);

struct DeliveryId {
    core::SubscriptionId subscription;
    core::EventId event;
    friend auto operator<=>(const DeliveryId&, const DeliveryId&) = default;
};
// A delivery that is due, leased to whoever holds this.
struct DeliveryJob {
    SubscriptionPtr to;
    core::LaneId lane;
    EventRef event;
    std::string facts;  // of an event that is about no request, as JSON
    std::int32_t attempts = 0;
    core::Instant begun_at;
    core::Instant leased_until;
    DeliveryId id() const { return {to->id, event.id}; }
};

class SubscriptionStore {
  public:
    virtual ~SubscriptionStore() = default;
    // It hears from the next event on. overloaded: subscriptions_max are there.
    virtual Later<Done> subscribe(Subscription fresh, Deadline deadline) = 0;
    virtual Later<Subscription> subscription(core::SubscriptionId id, Deadline deadline) = 0;
    // Live ones that are no callbacks, oldest first.
    virtual Later<std::vector<Subscription>> subscriptions(Deadline deadline) = 0;
    virtual Later<Subscription> rotate(core::SubscriptionId id, core::Instant old_until,
                                       Deadline deadline) = 0;
    virtual Later<Done> end(core::SubscriptionId id, Subscription::End how, Deadline deadline) = 0;
};

struct DeliveryFilter {
    core::SubscriptionId subscription;
    std::optional<Delivery::State> state;
    std::optional<core::EventId> before;  // the cursor: newest first, events below this one
    std::size_t limit = 50;               // 1..200
};
struct DeliveryPage {
    std::vector<Delivery> deliveries;
    std::optional<core::EventId> next_before;
};

class DeliveryStore {
  public:
    virtual ~DeliveryStore() = default;
    struct FannedOut {
        std::vector<DeliveryJob> jobs;  // leased to us
        bool more = false;              // there are more events to look at, at once
    };
    // Makes deliveries of the next events of the log, each of them once, whoever calls how often.
    virtual Later<FannedOut> fan_out(Lease lease, Deadline deadline) = 0;

    struct Room {
        core::LaneId lane;
        std::size_t jobs = 0;
    };
    // Deliveries that are due and held by nobody, leased to us: of these lanes at most so many, of any
    // other at most `otherwise`.
    virtual Later<std::vector<DeliveryJob>> claim_deliveries(Lease lease, core::Instant now,
                                                             std::vector<Room> rooms, std::size_t otherwise,
                                                             Deadline deadline) = 0;
    struct Settled {
        DeliveryId id;
        Delivery::State state = Delivery::State::pending;
        std::optional<core::Instant> due_at;  // pending
        std::optional<Attempt> attempt;       // nullopt: it was not tried, only put off
        bool gone = false;                    // the subscription ends with it
    };
    // What became of leased rows; those whose lease was lost meanwhile are left alone.
    virtual Later<Done> settle_deliveries(std::vector<Settled> settled, Lease lease, Deadline deadline) = 0;
    virtual Later<Done> hand_back_deliveries(Lease lease, Deadline deadline) = 0;

    virtual Later<DeliveryPage> deliveries(DeliveryFilter filter, Deadline deadline) = 0;
    virtual Later<Delivery> delivery(DeliveryId id, Deadline deadline) = 0;
    // A test event for this subscription alone, due now.
    virtual Later<Delivery> send_test(core::SubscriptionId id, core::EventId event, core::Instant now,
                                      Deadline deadline) = 0;
    // Due now, whatever became of it; its 72 hours begin anew. A delivery somebody is at is left as it is.
    virtual Later<Delivery> send_again(DeliveryId id, core::Instant now, Deadline deadline) = 0;
    // Parks what is pending for longer than that, and forgets what is done, and whose subscription has
    // ended, for longer than that. True: there may be more.
    virtual Later<bool> sweep_deliveries(core::Instant park_before, core::Instant forget_before,
                                         Deadline deadline) = 0;
};

// Who carries deliveries out.
class WebhookSender {
  public:
    virtual ~WebhookSender() = default;
    // Says whether it would ever send there: invalid_input with what is wrong. Names are looked up when
    // sending.
    virtual Result<Done> acceptable(std::string_view url) const = 0;
    // Something of this lane is due, and somebody waits for it: it is tried at once, also where the lane
    // rests.
    virtual void look(const core::LaneId& lane) = 0;
};

// ---- what callers do

struct Caller;

class Webhooks {
  public:
    struct Parts {
        SubscriptionStore& subscriptions;
        DeliveryStore& deliveries;
        WebhookSender& sender;
        const rt::Clock& clock;
        rt::Entropy& entropy;
    };
    Webhooks(Parts parts, Secret server_key) : parts_(parts), key_(std::move(server_key)) {}

    struct Order {
        std::string url;
        std::vector<std::string> events;
        SubscriptionFilter filter;
    };
    struct Shown {
        Subscription subscription;
        std::optional<Secret> secret;  // only when it is new
    };
    // invalid_input: the URL; forbidden (outside_bounds): the filter lets through more than the token may
    // reach; overloaded: too many.
    Later<Shown> subscribe(const Caller& caller, Order order, Deadline deadline);
    Later<std::vector<Subscription>> list(const Caller& caller, Deadline deadline);
    // not_found also where it is another's: own ones are those of this token, or of its owner, whose
    // filter is within the token's bounds; `admin` sees all that is.
    Later<Subscription> find(const Caller& caller, core::SubscriptionId id, Deadline deadline);
    Later<Done> unsubscribe(const Caller& caller, core::SubscriptionId id, Deadline deadline);
    Later<Shown> rotate(const Caller& caller, core::SubscriptionId id, core::Duration old_for,
                        Deadline deadline);
    static constexpr core::Duration old_secret_max = std::chrono::hours{24 * 30};

    Later<DeliveryPage> deliveries(const Caller& caller, DeliveryFilter filter, Deadline deadline);
    Later<Delivery> delivery(const Caller& caller, DeliveryId id, Deadline deadline);
    Later<Delivery> test(const Caller& caller, core::SubscriptionId id, Deadline deadline);
    Later<Delivery> redeliver(const Caller& caller, DeliveryId id, Deadline deadline);

    // The subscription that a request's callback is, to be stored with the request.
    Result<Subscription> callback(const Caller& caller, std::string url, core::RequestId request) const;
    Secret callback_secret(core::RequestId request) const;  // "whsec_…"
    Result<Done> acceptable(std::string_view url) const { return parts_.sender.acceptable(url); }
    const WebhookKey& key() const { return key_; }

  private:
    Later<Subscription> live(const Caller& caller, core::SubscriptionId id, Deadline deadline);

    Parts parts_;
    WebhookKey key_;
};

}  // namespace countersign::app
