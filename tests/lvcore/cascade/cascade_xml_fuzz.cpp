// Feeds the reader of cascade files with damaged ones: cascade_xml_fuzz CASES SEED [FILE...]
//
// Whatever is read must be refused with a CascadeFormatError, or be written and read back equal.
// Built with sanitizers it shows reads and writes beyond memory too.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "lvcore/cascade/cascade_xml.hpp"

namespace {

/// A small cascade with a stump and a tree of two nodes.
lvcore::Cascade seed_cascade() {
    const lvcore::LbpSubset subset = {1, 0x80000000U, 3, 4, 5, 6, 7, 0xFFFFFFFFU};
    const lvcore::Tree stump{{{0, subset, 0, -1}}, {-0.5F, 0.25F}};
    const lvcore::Tree tree{{{1, subset, 1, 0}, {0, subset, -1, -2}}, {1.0F, 2.0F, 1e-20F}};
    return {6, 9, {{0, 0, 1, 3}, {3, 6, 1, 1}}, {{{stump}, -1.0F}, {{tree, stump}, 0.125F}}};
}

/// What a damaged file might hold and a sound one does not.
const std::vector<std::string> kPieces = {"<",
                                          ">",
                                          "</",
                                          "/>",
                                          "<!--",
                                          "-->",
                                          "<_>",
                                          "</_>",
                                          "<?xml",
                                          "?>",
                                          "<!DOCTYPE a [",
                                          "<![CDATA[",
                                          "&lt;",
                                          "&#0;",
                                          "\"",
                                          "'",
                                          "-",
                                          "0",
                                          "-1",
                                          "2147483647",
                                          "-2147483648",
                                          "4294967296",
                                          "1e999",
                                          "nan",
                                          "inf",
                                          "1e-999",
                                          ".",
                                          "<rect>",
                                          "</rect>",
                                          "<internalNodes>",
                                          "</stages>",
                                          "<features>"};

class Mutator {
  public:
    explicit Mutator(unsigned seed) : random_(seed) {}

    std::string damage(std::string text, const std::string& other) {
        for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
            const std::size_t at = below(text.size() + 1);
            const std::size_t length = std::min(below(below(4) == 0 ? 2000 : 12), text.size() - at);
            switch (below(7)) {
                case 0:
                    text.erase(at, length);
                    break;
                case 1:
                    text.insert(at, kPieces[below(kPieces.size())]);
                    break;
                case 2:
                    text.replace(at, length, kPieces[below(kPieces.size())]);
                    break;
                case 3:
                    text.insert(at, text.substr(below(text.size() + 1), length));
                    break;
                case 4:
                    text.insert(at, other.substr(below(other.size() + 1), length));
                    break;
                case 5:
                    text.resize(at);
                    break;
                default:
                    if (at < text.size()) {
                        text[at] = static_cast<char>(below(256));
                    }
            }
        }
        return text;
    }

    std::size_t below(std::size_t end) { return random_() % end; }

  private:
    std::mt19937_64 random_;
};

/// Returns whether the text is a cascade; ends the program where the reader is wrong.
bool try_text(const std::string& text) {
    try {
        const lvcore::Cascade cascade = lvcore::read_cascade(text);
        if (!(lvcore::read_cascade(lvcore::write_cascade(cascade)) == cascade)) {
            std::printf("reads back as another cascade:\n%s\n", text.c_str());
            std::exit(1);
        }
        return true;
    } catch (const lvcore::CascadeFormatError&) {
        return false;
    } catch (const std::exception& error) {
        std::printf("another error, %s:\n%s\n", error.what(), text.c_str());
        std::exit(1);
    }
}

}  // namespace

int main(int count, char** arguments) {
    const std::size_t cases = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 10000;
    const unsigned long seed = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 0;
    std::vector<std::string> seeds = {lvcore::write_cascade(seed_cascade())};
    for (int i = 3; i < count; ++i) {
        std::ifstream file(arguments[i], std::ios::binary);
        seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    for (const std::string& text : seeds) {
        if (!try_text(text)) {
            std::printf("a sound cascade was refused\n");
            return 1;
        }
    }
    Mutator mutator(static_cast<unsigned>(seed));
    std::size_t sound = 0;
    for (std::size_t i = 0; i < cases; ++i) {
        const std::string& text = seeds[mutator.below(seeds.size())];
        sound += try_text(mutator.damage(text, seeds[mutator.below(seeds.size())])) ? 1U : 0U;
    }
    std::printf("%zu damaged files: %zu refused, %zu still sound\n", cases, cases - sound, sound);
    return 0;
}
