#include "countersign/adapters/sandbox.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "countersign/base/text.hpp"
#include "sandbox/assets.hpp"
#include "sandbox/control.hpp"
#include "sandbox/interactions.hpp"
#include "sandbox/json.hpp"
#include "sandbox/sockets.hpp"
#include "sandbox/teams_connector.hpp"
#include "sandbox/teams_people.hpp"
#include "sandbox/teams_world.hpp"
#include "sandbox/web_api.hpp"
#include "sandbox/workspace.hpp"

namespace countersign::sandbox {
namespace {

constexpr std::chrono::seconds keep_alive_every{15};

constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view without_port(std::string_view authority) {
    if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
    return authority.substr(0, authority.find(':'));
}

bool is_address(std::string_view host) {
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    boost::system::error_code not_one;
    boost::asio::ip::make_address(host, not_one);
    return !not_one;
}

constexpr std::string_view token_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t token_chars = 32;

Secret made_token(std::string_view prefix, rt::Entropy& entropy) {
    std::array<std::byte, token_chars> random{};
    entropy.fill(random);
    std::string text{prefix};
    for (std::byte one : random)
        text += token_letters[std::to_integer<std::size_t>(one) % token_letters.size()];
    return Secret{std::move(text)};
}

net::HttpResponse plain(unsigned status, std::string body) {
    net::HttpResponse response;
    response.status = status;
    response.fields.add("Content-Type", "text/plain; charset=utf-8");
    response.body = std::move(body);
    return response;
}

class SandboxImpl final : public Sandbox {
  public:
    SandboxImpl(SandboxSettings settings, rt::asio::any_io_executor executor, const rt::Clock& clock,
                rt::Timers& timers, rt::Entropy& entropy)
        : timers_(timers),
          workspace_(settings.base_url, executor, clock, entropy),
          sockets_(workspace_, executor, clock, timers, entropy, settings.ack_within),
          api_(workspace_, sockets_, settings.app_token, settings.bot_token, timers),
          interactions_(workspace_, sockets_, api_),
          control_(workspace_, sockets_, api_, interactions_) {
        if (settings.dialer != nullptr)
            teams_.emplace(settings, *settings.dialer, clock, timers, entropy, executor);
        auto start = settings.base_url.find("://");
        if (start != std::string::npos) authority_ = settings.base_url.substr(start + 3);
    }

    net::HttpHandler handler() override {
        return [this](net::HttpExchange& exchange) { return route(exchange); };
    }
    rt::asio::awaitable<void> run() override {
        constexpr std::size_t loops = 2;
        constexpr core::Duration end_within = std::chrono::seconds{2};
        auto executor = co_await rt::asio::this_coro::executor;
        rt::TaskGroup tasks{executor, loops, rt::report_bug};
        tasks.start_loop("workspace sockets", sockets_.run());
        if (teams_) tasks.start_loop("teams line", teams_->line.run());
        co_await rt::until_asked();
        co_await tasks.end(timers_, workspace_.now() + end_within);
    }
    void teams_bot_is_at(std::string messages_url, TeamsTransport transport) override {
        if (teams_) teams_->people.bot_is_at(std::move(messages_url), transport);
    }

  private:
    rt::asio::awaitable<void> route(net::HttpExchange& exchange) {
        // Sockets and event streams wait for hours, so they must hear when they are asked to end.
        co_await rt::asio::this_coro::reset_cancellation_state(rt::asio::enable_total_cancellation());
        const std::string target = exchange.request().target;
        const std::string_view whole{target};
        const auto mark = whole.find('?');
        const std::string_view path = whole.substr(0, mark);
        const std::string_view query = mark == whole.npos ? std::string_view{} : whole.substr(mark + 1);
        if (!from_here(exchange.request(), path)) {
            co_await exchange.respond(plain(403, "only for pages and scripts of this address\n"));
            co_return;
        }
        if (path.starts_with("/api/")) {
            co_await api_.serve(exchange, path.substr(5), query);
            co_return;
        }
        if (path == "/link/" || path == "/link") {
            std::string ticket = ticket_of(query);
            co_await sockets_.serve(exchange, ticket);
            co_return;
        }
        if (teams_ && path.starts_with("/teams/")) {
            co_await teams_->connector.serve(exchange, path.substr(7), query);
            co_return;
        }
        bool answered = co_await api_.serve_response_url(exchange, path);
        if (answered) co_return;
        if (teams_ && path.starts_with("/control/teams/")) {
            auto response = co_await teams_->people.serve(exchange.request(), path.substr(15), query);
            co_await exchange.respond(std::move(response));
        } else if (path.starts_with("/control/")) {
            co_await control_.serve(exchange, path.substr(9), query);
        } else if (path == "/events") {
            co_await stream_events(exchange, query);
        } else {
            co_await serve_page(exchange, path);
        }
    }

    static std::string ticket_of(std::string_view query) {
        auto fields = net::parse_form(query);
        if (fields)
            for (auto& [name, value] : *fields)
                if (name == "ticket") return value;
        return {};
    }

    // Keeps out pages of other sites, also those whose name was made to resolve to this address. No name can
    // be made to resolve to a page that was asked for by its address.
    bool from_here(const net::HttpRequest& request, std::string_view path) const {
        static constexpr std::array<std::string_view, 2> own{"localhost", "memory"};
        std::string host = lower_ascii(request.fields.find("host").value_or(""));
        auto name = without_port(host);
        const bool named =
            host == authority_ || std::ranges::find(own, name) != own.end() || is_address(name);
        auto origin = request.fields.find("origin");
        // Clients of Slack's that are no browsers say this when they dial.
        const bool client = path.starts_with("/link") && origin == "https://api.slack.com";
        return named && (!origin || client || *origin == "http://" + host || *origin == "https://" + host);
    }

    rt::asio::awaitable<void> serve_page(net::HttpExchange& exchange, std::string_view path) {
        net::HttpResponse response;
        const Asset* asset = exchange.request().method == "GET" ? find_asset(path) : nullptr;
        if (asset) {
            response.body = asset->bytes;
            response.fields.add("Content-Type", std::string(asset->type));
            response.fields.add("Content-Security-Policy", std::string(page_policy));
            response.fields.add("X-Content-Type-Options", "nosniff");
            response.fields.add("Referrer-Policy", "no-referrer");
            response.fields.add("Cache-Control", "no-cache");
        } else {
            response = plain(404, "There is nothing here. The workspace is at /\n");
        }
        co_await exchange.respond(std::move(response));
    }

    // Counts a page as a watcher while it is open.
    class Watching {
      public:
        explicit Watching(Feed& feed) : feed_(feed) { feed_.watched(1); }
        Watching(const Watching&) = delete;
        Watching& operator=(const Watching&) = delete;
        ~Watching() { feed_.watched(-1); }

      private:
        Feed& feed_;
    };

    rt::asio::awaitable<void> stream_events(net::HttpExchange& exchange, std::string_view query) {
        Feed& feed = workspace_.feed;
        auto fields = net::parse_form(query);
        std::int64_t after = -1;
        if (fields && !fields->empty() && fields->front().first == "after")
            after = number(Value{fields->front().second}, -1);
        if (auto last = exchange.request().fields.find("last-event-id")) after = number(Value{*last}, -1);
        std::uint64_t seen = after >= 0 ? static_cast<std::uint64_t>(after) : feed.last();
        net::HttpResponse head;
        head.fields.add("Content-Type", "text/event-stream");
        head.fields.add("Cache-Control", "no-store");
        Watching watching{feed};
        auto begun = co_await exchange.begin_stream(std::move(head));
        if (!begun) co_return;
        std::string text = "retry: 1000\n\n";
        for (;;) {
            auto written = co_await exchange.write(text);
            if (!written) co_return;
            if (feed.last() == seen) {
                co_await feed.news().wait_until(timers_, workspace_.now() + keep_alive_every);
            }
            // Without news a comment is sent, which keeps the connection alive.
            auto news = feed.after(seen);
            text = !news ? "event: restart\ndata: {}\n\n" : news->empty() ? ": \n\n" : std::move(*news);
            seen = feed.last();
        }
    }

    struct Teams {
        Teams(const SandboxSettings& settings, net::Dialer& dialer, const rt::Clock& clock,
              rt::Timers& timers, rt::Entropy& entropy, rt::asio::any_io_executor executor)
            : world(clock),
              connector(world, settings.base_url, settings.teams_password, entropy),
              line({connector, dialer, clock, timers, entropy, executor}),
              people(world, connector, line, clock,
                     net::make_http_client(dialer, clock, timers, std::move(executor))) {}
        TeamsWorld world;
        TeamsConnector connector;
        TeamsLine line;
        TeamsPeople people;
    };

    rt::Timers& timers_;
    std::string authority_;
    std::optional<Teams> teams_;
    Workspace workspace_;
    Sockets sockets_;
    WebApi api_;
    Interactions interactions_;
    Control control_;
};

}  // namespace

void make_tokens(SandboxSettings& settings, rt::Entropy& entropy) {
    if (settings.app_token.empty()) settings.app_token = made_token("xapp-1-A0SIM-", entropy);
    if (settings.bot_token.empty()) settings.bot_token = made_token("xoxb-sim-", entropy);
    if (settings.teams_password.empty()) settings.teams_password = made_token("sim-teams-", entropy);
}

SandboxTeams teams_of(const std::string& base_url) {
    return {.app_id = std::string(teams_app_id),
            .tenant = std::string(teams_tenant),
            .openid_metadata_url = base_url + "/teams/v1/.well-known/openidconfiguration",
            .login_url = base_url + "/teams/login",
            .service_url = base_url + "/teams/connector/",
            .channel = std::string(teams_channel)};
}

std::unique_ptr<Sandbox> make_sandbox(SandboxSettings settings, rt::asio::any_io_executor executor,
                                      const rt::Clock& clock, rt::Timers& timers, rt::Entropy& entropy) {
    return std::make_unique<SandboxImpl>(std::move(settings), std::move(executor), clock, timers, entropy);
}

}  // namespace countersign::sandbox
