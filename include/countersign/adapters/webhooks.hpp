#pragma once
#include <memory>
#include <string>

#include "countersign/app/requests.hpp"
#include "countersign/app/webhooks.hpp"
#include "countersign/net/connector.hpp"

namespace countersign::webhooks {

struct WebhookSettings {
    bool allow_private_networks = false;  // http: URLs, private and local addresses; others never
    std::string source;                   // of the events: the server's public URL
    std::string version;                  // of this program, for User-Agent
};

// Sends what subscribers have asked for: makes deliveries of the log's new events and carries them out,
// signed as Standard Webhooks 1.0.0 has it. One task of the I/O thread's group.
class Sender : public app::WebhookSender {
  public:
    virtual rt::asio::awaitable<void> run() = 0;  // until cancelled
    virtual void events_came() = 0;               // the log grew: looked at now and not at the next poll
    // Deliveries may have become due that another replica held: now, not at the next poll.
    virtual void leases_freed() = 0;
    // Finishes what is under way for a while, hands the rest back.
    virtual Later<Done> drain(Deadline deadline) = 0;
};

struct Parts {
    app::DeliveryStore& deliveries;
    app::CaseStore& cases;
    app::Roster& roster;
    app::Waiters& waiters;  // knows the cases that have just changed
    app::LogTail& log;
    app::Counters& counters;
};
std::unique_ptr<Sender> make_sender(WebhookSettings settings, const app::Runtime& runtime, Parts parts,
                                    net::Connector& network, Secret server_key,
                                    rt::asio::any_io_executor executor);

}  // namespace countersign::webhooks
