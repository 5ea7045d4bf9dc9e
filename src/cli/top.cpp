// `countersign top`: what is pending and how the server is, redrawn every other second.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "cli/client.hpp"
#include "cli/console.hpp"
#include "cli/follow.hpp"
#include "cli/outcome.hpp"
#include "cli/top_page.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {
namespace {

constexpr core::Duration page_patience{std::chrono::seconds{4}};
constexpr std::size_t pending_shown_max = 200;  // what the server gives at once
constexpr std::size_t ready_bytes_max = 64 * 1024;

TopSize size_of_terminal() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return {.columns = 160, .rows = 10'000};
    return {.columns = size.ws_col, .rows = size.ws_row};
}

// Keys come as they are pressed and the page stands on a screen of its own, until this goes.
class Screen {
  public:
    Screen() {
        ::tcgetattr(STDIN_FILENO, &before_);
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        write("\x1b[?1049h\x1b[?25l");
        struct sigaction changed{};
        changed.sa_handler = [](int) {};  // so that `poll` returns, and the page is drawn anew
        ::sigaction(SIGWINCH, &changed, nullptr);
    }
    ~Screen() {
        write("\x1b[?25h\x1b[?1049l");
        ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    static void show(const std::vector<std::string>& lines) {
        std::string page = "\x1b[H";
        for (std::size_t i = 0; i < lines.size(); ++i) page += (i > 0 ? "\r\n" : "") + lines[i] + "\x1b[K";
        write(page + "\x1b[J");
    }

  private:
    static void write(std::string_view text) {
        while (!text.empty()) {
            const auto done = ::write(STDOUT_FILENO, text.data(), text.size());
            if (done <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(done));
        }
    }
    termios before_{};
};

// Looks everything up that one page shows.
TopView look(Client& client, TopView last) {
    TopView view{.url = client.settings().url, .at = client.now()};
    auto ready = client.finish(client.text("/readyz", page_patience));
    if (!ready) {
        view.trouble = ready.error().detail;
        return view;
    }
    if (auto document = wire::parse_json(ready->text, {.bytes_max = ready_bytes_max, .strict = false}))
        view.ready = std::move(*document);
    auto metrics = client.finish(client.text("/metrics", page_patience));
    if (metrics && metrics->status == 200) view.metrics.emplace(metrics->text);
    view.before = std::move(last.metrics);
    view.since = view.at - last.at;
    auto listed = client.finish(
        client.call({.path = fmt::format("/v1/requests?state=pending&limit={}", pending_shown_max),
                     .fields = {},
                     .body = {},
                     .patience = page_patience,
                     .shape = is_request_list}));
    if (!listed)
        view.pending_trouble = listed.error().detail;
    else if (listed->status != 200)
        view.pending_trouble = failure_of(*listed).detail;
    else
        view.pending = listed->body["requests"];
    return view;
}

enum class Key { none, quit, other };

Key wait_for_key(core::Duration most) {
    pollfd keys{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(most).count();
    if (::poll(&keys, 1, static_cast<int>(left)) <= 0) return Key::none;
    char key = 0;
    const auto read = ::read(STDIN_FILENO, &key, 1);
    constexpr char end_of_input = 4;  // Ctrl-D
    return read <= 0 || key == 'q' || key == 'Q' || key == end_of_input ? Key::quit : Key::other;
}

int show_once(Client& client) {
    auto view = look(client, {});
    for (const std::string& line : top_lines(view, {.columns = 160, .rows = 10'000})) print(line);
    return view.trouble.empty() ? exit_ok : exit_unreachable;
}

}  // namespace

int top_verb(const TopOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    auto every = parse_duration_s(options.every);
    if (!every || *every < 1 || *every > 3600) {
        complain("--every must be a duration from 1s to 1h");
        return exit_usage;
    }
    Client client{std::move(*settings)};
    if (options.once) return show_once(client);
    if (!on_terminal(STDIN_FILENO) || !on_terminal(STDOUT_FILENO)) {
        complain("this is no terminal: say --once for one page");
        return exit_usage;
    }
    Screen screen;
    TopView view;
    for (;;) {
        view = look(client, std::move(view));
        if (client.interrupted() != 0) return exit_signal_base + client.interrupted();
        const auto next = client.now() + std::chrono::seconds{*every};
        for (auto left = next - client.now(); left.count() > 0; left = next - client.now()) {
            Screen::show(top_lines(view, size_of_terminal()));
            const Key key = wait_for_key(left);
            if (client.interrupted() != 0) return exit_signal_base + client.interrupted();
            if (key == Key::quit) return exit_ok;
            if (key == Key::other) break;
        }
    }
}

}  // namespace countersign::cli
