#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/value.hpp"
#include "countersign/net/http_server.hpp"
#include "sandbox/interactions.hpp"
#include "sandbox/sockets.hpp"
#include "sandbox/web_api.hpp"
#include "sandbox/workspace.hpp"

namespace countersign::sandbox {

// Serves what scripts and the page do with the workspace from outside; docs/sandbox.md lists it.
class Control {
  public:
    using Query = std::vector<std::pair<std::string, std::string>>;

    Control(Workspace& workspace, Sockets& sockets, WebApi& api, Interactions& interactions);
    // Serves /control/<name>.
    rt::asio::awaitable<void> serve(net::HttpExchange& exchange, std::string_view name,
                                    std::string_view query);

  private:
    std::optional<core::Value> read(std::string_view name, const Query& query);
    rt::asio::awaitable<std::optional<core::Value>> act(std::string_view name, const core::Value& order);
    rt::asio::awaitable<core::Value> move_sockets(const core::Value& order);
    core::Value set_faults(const core::Value& order);
    core::Value set_limits(const core::Value& order);
    core::Value set_scopes(const core::Value& order);
    core::Value set_user(const core::Value& order);
    core::Value set_group(const core::Value& order);
    core::Value set_channel(const core::Value& order);
    core::Value delete_message(const core::Value& order);
    core::Value messages(const Query& query);
    core::Value views(std::string_view user);
    core::Value ephemerals(const Query& query);
    core::Value state();
    void tell_membership(const std::string& channel, const std::set<std::string>& before,
                         const std::set<std::string>& after);

    Workspace& workspace_;
    Sockets& sockets_;
    WebApi& api_;
    Interactions& interactions_;
};

}  // namespace countersign::sandbox
