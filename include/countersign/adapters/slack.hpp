#pragma once
#include <memory>
#include <string>
#include <vector>

#include "countersign/app/checks.hpp"
#include "countersign/app/conversation.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/net/http.hpp"
#include "countersign/net/stream.hpp"

namespace countersign::slack {

struct SlackSettings {
    Secret app_token;  // xapp-…
    Secret bot_token;  // xoxb-…
    std::string api_url = "https://slack.com/api/";
    std::size_t connections = 2;  // 1..10
    enum class Pace : std::uint8_t { automatic, strict } pace = Pace::automatic;
    std::string channel;  // default channel
    std::vector<std::string> link_hosts;
    // The id of the profile field that holds somebody's manager, "Xf0MANAGER"; empty: none does.
    std::string manager_field = {};
};

struct SlackHealth {
    std::size_t live = 0;            // sockets past their hello
    std::string problem;             // empty: fine; else what is wrong and what to do, for /readyz and doctor
    std::string team;                // "T0SIM", once known
    std::vector<std::string> notes;  // worth an admin's look, though it works: warnings of /readyz
};

// Slack as one adapter: Socket Mode in, Web API out, and what Slack knows about people.
// `run` learns who we are (auth.test), then keeps the sockets, and asks them to finish their acknowledgements
// before it ends.
class Slack : public app::ConnectedChat {
  public:
    virtual SlackHealth health() const = 0;
};

// `parts`: what people in Slack come to by their clicks and commands.
std::unique_ptr<Slack> make_slack(SlackSettings settings, const app::Runtime& runtime,
                                  app::Conversation::Parts parts, net::Dialer& dialer,
                                  rt::asio::any_io_executor executor);

// Looks whether Slack takes the tokens, and knows the channels, user groups and people that are named. What
// was not looked at before the deadline is said. It opens no socket, and changes and posts nothing.
Later<app::Checks> examine(SlackSettings settings, app::ChatNames names, const app::Runtime& runtime,
                           net::Dialer& dialer, rt::asio::any_io_executor executor, Deadline deadline);

// ---- ids by names, for whoever writes a policy

struct Sought {
    enum class What : std::uint8_t { users, groups } what = What::users;
    std::string text;  // a part of a name, handle, address or id; empty: all
};
struct FoundInSlack {
    std::string id;
    std::string handle;
    std::string name;
    std::string email;         // of users, where the scopes allow it
    std::string state;         // "member", "guest", "bot", …; of groups "enabled", "disabled", "external"
    std::int64_t members = 0;  // of groups
};
inline constexpr std::size_t found_max = 500;  // more are left out
// How the network is reached, and where work runs.
struct Reach {
    net::Dialer& dialer;
    rt::asio::any_io_executor executor;
};
// In the order in which Slack names them. Fails with what Slack says of the token (unauthenticated), or as
// calls do.
Later<std::vector<FoundInSlack>> find_in_slack(SlackSettings settings, Sought sought,
                                               const app::Runtime& runtime, const Reach& reach,
                                               Deadline deadline);

}  // namespace countersign::slack
