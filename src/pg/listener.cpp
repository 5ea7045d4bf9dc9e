#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <mutex>
#include <pqxx/pqxx>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "countersign/adapters/pg.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "pg/event_log.hpp"
#include "pg/overseer.hpp"
#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

constexpr std::chrono::milliseconds look_every{1'000};
constexpr int looks_between_greetings = 20;  // each replica says so often that it lives

// What is heard between two looks comes together as one piece of news.
class Ear final : public pqxx::notification_receiver {
  public:
    Ear(pqxx::connection_base& link, std::string self)
        : notification_receiver(link, log_channel), self_(std::move(self)) {}
    void operator()(const std::string& payload, int) override {
        auto space = payload.find(' ');
        if (payload.substr(0, space) == self_) return;
        news_.from_another = true;
        std::int64_t size = 0;
        if (space != std::string::npos)
            std::from_chars(payload.data() + space + 1, payload.data() + payload.size(), size);
        news_.size = std::max(news_.size, size);
    }
    app::LogNews take() { return std::exchange(news_, {}); }

  private:
    std::string self_;
    app::LogNews news_;
};

class Listener final : public LogListener {
  public:
    Listener(const Secret& uri, core::ProcessId process, rt::asio::any_io_executor executor,
             const rt::Clock& clock, Hear hear)
        : uri_{complete_uri(uri, side_connect_timeout, "countersign listener")},
          self_(hex(process.bytes())),
          executor_(std::move(executor)),
          clock_(clock),
          hear_(std::make_shared<Hear>(std::move(hear))),
          stopped_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}
    ~Listener() override {
        *hear_ = nullptr;  // we are on the executor's thread: what is posted already finds nobody
        thread_.request_stop();
        const std::uint64_t one = 1;
        if (write(stopped_, &one, sizeof one) < 0) log::debug("database", "listener: cannot be woken");
        {
            std::lock_guard lock{mutex_};
            grip_.hang_up();  // a server that does not answer is not waited for
        }
        thread_.join();
        close(stopped_);
    }

  private:
    void run(std::stop_token stop) {
        std::string told;
        while (!stop.stop_requested()) {
            try {
                listen(stop, told);
            } catch (const std::exception& e) {
                std::string why = visible(clip_utf8(trim(e.what()), 200));
                if (why != told) log::debug("database", "listener: {}", why);
                told = std::move(why);
                rest(-1, look_every);
            }
        }
    }
    void listen(const std::stop_token& stop, std::string& told) {
        pqxx::connection link{std::string(uri_.reveal())};
        {
            std::lock_guard lock{mutex_};
            grip_.take(link.sock());
            if (stop.stop_requested()) return;
        }
        pqxx::quiet_errorhandler quiet{link};
        pqxx::nontransaction{link}.exec("SET statement_timeout = 2000");
        Ear ear{link, self_};  // listens from here on, and reads only then
        for (int look = 0; !stop.stop_requested(); ++look) {
            tell(look_at(link, look % looks_between_greetings == 0));
            told.clear();
            auto next_look = clock_.now() + look_every;
            for (auto left = look_every; left.count() > 0 && !stop.stop_requested();) {
                if (rest(link.sock(), left)) link.get_notifs();
                tell(ear.take());
                left = std::min(look_every,
                                std::chrono::ceil<std::chrono::milliseconds>(next_look - clock_.now()));
            }
        }
    }
    // The poll behind the notifications, once a second.
    app::LogNews look_at(pqxx::connection& link, bool greet) const {
        pqxx::nontransaction work{link};
        if (greet) work.exec(fmt::format("NOTIFY {}, '{}'", log_channel, self_));
        auto rows = work.exec("SELECT size, EXISTS (SELECT FROM unsequenced) FROM log_head");
        return {
            .size = rows[0][0].as<std::int64_t>(), .waiting = rows[0][1].as<bool>(), .from_another = false};
    }
    // True: something may have come over the connection. False: the time is up, or this is to stop.
    bool rest(int connection, std::chrono::milliseconds at_most) {
        pollfd both[2] = {{stopped_, POLLIN, 0}, {connection, POLLIN, 0}};
        int ready = poll(both, connection < 0 ? 1 : 2, static_cast<int>(at_most.count()));
        return ready > 0 && both[0].revents == 0;
    }
    void tell(app::LogNews news) {
        if (news.size == 0 && !news.waiting && !news.from_another) return;
        rt::asio::post(executor_, [hear = hear_, news] {
            if (*hear) (*hear)(news);
        });
    }

    Secret uri_;
    std::string self_;
    rt::asio::any_io_executor executor_;
    const rt::Clock& clock_;
    std::shared_ptr<Hear> hear_;  // shared with what is posted, which may come after us
    int stopped_;
    std::mutex mutex_;
    Grip grip_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<LogListener> listen_to_log(const Secret& uri, core::ProcessId process,
                                           rt::asio::any_io_executor executor, const rt::Clock& clock,
                                           LogListener::Hear hear) {
    return std::make_unique<Listener>(uri, process, std::move(executor), clock, std::move(hear));
}

}  // namespace countersign::pg
