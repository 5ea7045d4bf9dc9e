#pragma once
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "countersign/wire/slack_payload.hpp"
#include "slack/sockets.hpp"

namespace countersign::slack {

// What became of one act that Slack delivered, however often it does: it delivers again what it heard no
// acknowledgement of.
struct Delivery {
    // This is a delivery of the act that waits to be acknowledged along with the first.
    struct Arrival {
        SocketPtr socket;
        std::string envelope;
    };
    static constexpr std::size_t arrivals_max = 4;
    std::vector<Arrival> arrivals;
    bool acknowledged = false;
    bool over = false;                      // nothing more is done about it
    std::optional<wire::JsonText> payload;  // that the acknowledgement carried
};
// shared: the task that answers the act and the list of what came lately
using DeliveryPtr = std::shared_ptr<Delivery>;

// Knows the acts that came lately by their envelopes. Reports differ on whether a repetition keeps the id of
// its envelope (slackapi/bolt-js#2487 says that it does), so that an act of a person is known by its trigger
// as well.
class Deliveries {
  public:
    static constexpr std::size_t keys_max = 20'000;   // remembered
    static constexpr std::size_t payloads_max = 256;  // of which what was answered is kept

    struct Taken {
        DeliveryPtr delivery;
        bool first = true;
    };
    Taken take(const wire::SlackEnvelope& envelope);
    // It was not looked at, so that its repetition is.
    void forget(const wire::SlackEnvelope& envelope);
    // Keeps what was answered, for a repetition that comes because the answer was lost.
    void answered(const DeliveryPtr& delivery, const wire::JsonText* payload);

  private:
    void remember(std::string key, const DeliveryPtr& delivery);

    std::unordered_map<std::string, DeliveryPtr> known_;
    std::deque<std::string> order_;
    std::deque<DeliveryPtr> with_payload_;
};

}  // namespace countersign::slack
