#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/adapters/sandbox.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/rt/clock.hpp"
#include "sandbox/teams_connector.hpp"
#include "sandbox/teams_line.hpp"
#include "sandbox/teams_world.hpp"

namespace countersign::sandbox {

// What people do in Teams, as scripts and the page order it: buttons, dialogs, words. Each becomes an
// activity that is sent to the bot with a token, and the bot's answer becomes what the person sees.
class TeamsPeople {
  public:
    static constexpr core::Duration waits = std::chrono::seconds{15};  // for the bot's answer
    using Query = std::vector<std::pair<std::string, std::string>>;

    TeamsPeople(TeamsWorld& world, TeamsConnector& connector, TeamsLine& line, const rt::Clock& clock,
                std::unique_ptr<net::HttpClient> client);
    void bot_is_at(std::string messages_url, TeamsTransport transport);

    // Serves /control/teams/<name>.
    rt::asio::awaitable<net::HttpResponse> serve(const net::HttpRequest& request, std::string_view name,
                                                 std::string_view query);

  private:
    rt::asio::awaitable<std::optional<core::Value>> act(std::string name, core::Value order);
    std::optional<core::Value> read(std::string_view name, const Query& query);
    rt::asio::awaitable<core::Value> press(core::Value order);
    rt::asio::awaitable<core::Value> press_in_dialog(core::Value order);
    rt::asio::awaitable<core::Value> refresh(core::Value order);
    rt::asio::awaitable<core::Value> say(core::Value order);
    rt::asio::awaitable<core::Value> query(core::Value order);
    rt::asio::awaitable<core::Value> install(core::Value order);
    rt::asio::awaitable<core::Value> raw(core::Value order);
    core::Value set_bot(const core::Value& order);
    core::Value set_user(const core::Value& order);
    rt::asio::awaitable<core::Value> set_members(core::Value order);
    core::Value set_faults(const core::Value& order);

    core::Value activity(const TeamsUser& user, const TeamsConversation& conversation,
                         std::string_view type) const;
    rt::asio::awaitable<core::Value> deliver(core::Value activity, core::Value claims = {});
    Later<streaming::Response> post(std::string body, core::Value claims, Deadline deadline);
    void show(const TeamsUser& user, const std::string& message, const std::string& conversation,
              const core::Value& answer);

    TeamsWorld& world_;
    TeamsConnector& connector_;
    TeamsLine& line_;
    const rt::Clock& clock_;
    std::unique_ptr<net::HttpClient> client_;
    std::string messages_url_;
};

}  // namespace countersign::sandbox
