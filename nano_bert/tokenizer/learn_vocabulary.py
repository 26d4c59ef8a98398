"""Training WordPiece: which pieces should a vocabulary hold?

Begin with single letters, and join the two neighbours that stand side by side most often; then again, and again, until
the vocabulary is full. Frequent words grow together in the end, rare ones stay in pieces.

Nobody outside Google knows how BERT's own vocabulary was made: its trainer was never published
(https://github.com/google-research/bert#learning-a-new-wordpiece-vocabulary). Three scores are on record for the pair
to join. Say that a stands count(a) times in the texts, b count(b) times, the two side by side count(ab) times, and all
pieces together n times:

- count(ab), as in byte-pair encoding (Sennrich et al., 2016, https://aclanthology.org/P16-1162);
- how much likelier the texts become (Schuster and Nakajima, 2012,
  https://static.googleusercontent.com/media/research.google.com/en//pubs/archive/37842.pdf), which is about
  count(ab) · log(n · count(ab) / (count(a) · count(b)));
- count(ab) / (count(a) · count(b)) alone, as WordPiece is often explained
  (https://huggingface.co/learn/llm-course/chapter6/6).

The third is highest for rare letters that always stand together, and spends the vocabulary on curiosities:
`tests/tokenizer/test_learn_vocabulary.py` shows that new words then fall into more pieces. The first two do equally
well. Here it is the first, the simplest, as in the `tokenizers` library of Hugging Face.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nano_bert.tokenizer.base import SPECIAL_TOKENS
from nano_bert.tokenizer.check_given import check_count, check_texts
from nano_bert.tokenizer.text_cleaning import split_words

CONTINUES = "##"  # marks a piece that does not begin a word


@dataclass(frozen=True)
class Merge:
    """Two pieces that become one, and how often they stood side by side.

    Args:
        left: The first piece.
        right: The second piece.
        count: How often they stood side by side in the texts.
    """

    left: str
    right: str
    count: int

    @property
    def piece(self) -> str:
        """The new piece.

        Examples:
            >>> from nano_bert.tokenizer.learn_vocabulary import Merge
            >>> Merge("##u", "##g", 20).piece
            '##ug'
        """
        return self.left + self.right.removeprefix(CONTINUES)


def learn_vocabulary(
    texts: Iterable[str],
    vocab_size: int,
    min_freq: int = 2,
    lower_case: bool = True,
    max_alphabet: int = 1000,
    special_tokens: Sequence[str] = SPECIAL_TOKENS,
) -> list[str]:
    """Learn a vocabulary from texts.

    Args:
        texts: The texts.
        vocab_size: Most entries of the vocabulary, special tokens included.
        min_freq: How often two pieces must stand side by side to become one.
        lower_case: Whether "Café", "café" and "cafe" are the same word.
        max_alphabet: How many characters are kept, the most frequent ones. A word with another becomes `[UNK]`.
        special_tokens: They come first.

    Returns:
        The vocabulary in the order of the ids: special tokens, letters, then the pieces as they were made.

    Raises:
        ValueError: If the letters alone fill the vocabulary.

    Examples:
        >>> from nano_bert.tokenizer.learn_vocabulary import learn_vocabulary
        >>> learn_vocabulary(["a hug, hugs and hugs"], vocab_size=20)[5:]
        [',', 'a', 'h', '##d', '##g', '##n', '##s', '##u', '##ug', 'hug', 'hugs']
    """
    texts = check_texts("texts", texts, (str,))
    for name, count in (("vocab_size", vocab_size), ("min_freq", min_freq), ("max_alphabet", max_alphabet)):
        check_count(name, count)
    found = Counter(word for text in texts for word in split_words(text, lower_case))
    characters = Counter[str]()
    for word, count in found.items():
        for character in word:
            characters[character] += count
    alphabet = set(sorted(characters, key=lambda character: (-characters[character], character))[:max_alphabet])
    counts = {word: count for word, count in found.items() if alphabet.issuperset(word)}
    letters = {letter for word in counts for letter in spell(word)}
    vocab = dict.fromkeys(
        [*special_tokens, *sorted(letters, key=lambda letter: (letter.startswith(CONTINUES), letter))]
    )
    if len(vocab) > vocab_size:
        raise ValueError(
            f"vocab_size={vocab_size} is too small: the special tokens and the letters of these texts are already "
            f"{len(vocab)}. Take more, or fewer letters with max_alphabet (now {max_alphabet})."
        )
    for merge in learn_merges(counts, min_freq):
        if len(vocab) == vocab_size:
            break
        vocab[merge.piece] = None
    return list(vocab)


def learn_merges(counts: Mapping[str, int], min_freq: int = 2) -> Iterator[Merge]:
    """Join the most frequent pair of neighbours, again and again.

    Args:
        counts: Each word, and how often it occurs.
        min_freq: Where no pair is as frequent as this, the end has come.

    Yields:
        The merges, in the order in which they are made; of pairs that are equally frequent, the first in the alphabet.

    Examples:
        >>> from itertools import islice
        >>> from nano_bert.tokenizer.learn_vocabulary import learn_merges
        >>> words = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}
        >>> for merge in islice(learn_merges(words), 3):
        ...     print(merge.left, "+", merge.right, "=", merge.piece, merge.count)
        ...
        ##u + ##g = ##ug 20
        ##u + ##n = ##un 16
        h + ##ug = hug 15
    """
    words = [spell(word) for word in counts]
    frequencies = list(counts.values())
    pair_counts = Counter[tuple[str, str]]()
    found_in = defaultdict[tuple[str, str], set[int]](set)  # the words that a pair stands in, or once stood in
    for index, word in enumerate(words):
        for pair in pairwise(word):
            pair_counts[pair] += frequencies[index]
            found_in[pair].add(index)

    # A heap has its smallest entry on top, hence the minus. Counts change, and the heap is not told when they sink:
    # an entry that comes up with a count of the past is put back with its count of today.
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)
    while heap and -heap[0][0] >= max(min_freq, 1):
        count, pair = heapq.heappop(heap)
        if -count != pair_counts[pair]:
            heapq.heappush(heap, (-pair_counts[pair], pair))
            continue
        merge = Merge(*pair, pair_counts[pair])
        yield merge
        grown = set[tuple[str, str]]()
        for index in found_in.pop(pair):
            for old in pairwise(words[index]):
                pair_counts[old] -= frequencies[index]
            words[index] = join(words[index], merge)
            for new in pairwise(words[index]):
                pair_counts[new] += frequencies[index]
                if merge.piece in new:
                    found_in[new].add(index)
                    grown.add(new)
        for new in grown:
            heapq.heappush(heap, (-pair_counts[new], new))


def spell(word: str) -> list[str]:
    """Return the letters of a word as pieces.

    Examples:
        >>> from nano_bert.tokenizer.learn_vocabulary import spell
        >>> spell("hug")
        ['h', '##u', '##g']
    """
    return [*word[:1], *(CONTINUES + letter for letter in word[1:])]


def join(pieces: Sequence[str], merge: Merge) -> list[str]:
    """Make one piece of two, wherever in a word they stand side by side.

    Examples:
        >>> from nano_bert.tokenizer.learn_vocabulary import Merge, join
        >>> join(["h", "##u", "##g", "##s"], Merge("##u", "##g", 20))
        ['h', '##ug', '##s']
    """
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == (merge.left, merge.right):
            joined[-1] = merge.piece
        else:
            joined.append(piece)
    return joined
