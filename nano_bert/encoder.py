"""The encoder: attention and a feed-forward network, each with a residual sum and a LayerNorm, repeated.

Source: Vaswani et al. (2017), sections 3.1 and 3.3 (https://arxiv.org/abs/1706.03762), with the exact GELU
(Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415) that BERT puts in place of ReLU.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from nano_bert.attention import BertSelfAttention
from nano_bert.config import BertConfig, check_config


class FeedForward(nn.Module):
    """Think about each token by itself: widen, bend with GELU, narrow again.

    Args:
        config: `n_embed` features come in and go out; `feed_forward_size` are in between.

    Examples:
        >>> from nano_bert import BertConfig
        >>> from nano_bert.encoder import FeedForward
        >>> FeedForward(BertConfig(vocab_size=10, n_embed=3))
        FeedForward(
          (expand): Linear(in_features=3, out_features=12, bias=True)
          (activation): GELU(approximate='none')
          (contract): Linear(in_features=12, out_features=3, bias=True)
        )
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        check_config(config)
        self.expand = nn.Linear(config.n_embed, config.feed_forward_size)
        self.activation = nn.GELU()
        self.contract = nn.Linear(config.feed_forward_size, config.n_embed)

    def forward(self, x: Float[Tensor, "*places embed"]) -> Float[Tensor, "*places embed"]:
        """Return a new vector for each token, made from its old one alone."""
        return self.contract(self.activation(self.expand(x)))


class BertLayer(nn.Module):
    """One layer: the tokens look at each other, then each is thought about by itself.

    What a sub-layer finds is *added* to what was there (the residual), so nothing is lost on the way up.
    BERT normalises the sum. With `norm_first` the sub-layer's input is normalised instead, and the sum is
    left alone.

    Args:
        config: Sizes, dropout and the place of the LayerNorms.

    Examples:
        >>> import torch
        >>> from nano_bert import BertConfig
        >>> from nano_bert.encoder import BertLayer
        >>> layer = BertLayer(BertConfig(vocab_size=10, n_embed=4, n_heads=2)).eval()
        >>> y, weights = layer(torch.randn(6, 4), torch.ones(6, dtype=torch.bool))
        >>> y.shape, weights.shape
        (torch.Size([6, 4]), torch.Size([2, 6, 6]))
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        check_config(config)
        self.norm_first = config.norm_first
        self.attention = BertSelfAttention(config)
        self.attention_norm = nn.LayerNorm(config.n_embed, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.n_embed, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Float[Tensor, "*batch seq embed"],
        attention_mask: Bool[Tensor, "*batch seq"],
    ) -> tuple[Float[Tensor, "*batch seq embed"], Float[Tensor, "*batch head query=seq key=seq"]]:
        """Return the tokens' new vectors, and the attention weights of every head."""
        found, weights = self.attention(self.attention_norm(x) if self.norm_first else x, attention_mask)
        return self.after_attention(x + self.dropout(found)), weights

    def after_attention(self, x: Float[Tensor, "*places embed"]) -> Float[Tensor, "*places embed"]:
        """Let the feed-forward network think about each token, in which there now is what attention found."""
        if self.norm_first:
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x)
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))


class BertEncoder(nn.Module):
    """A stack of layers, each reading what the one below wrote.

    Args:
        config: `n_layers` is the height of the stack.

    Examples:
        >>> import torch
        >>> from nano_bert import BertConfig
        >>> from nano_bert.encoder import BertEncoder
        >>> encoder = BertEncoder(BertConfig(vocab_size=10, n_layers=3, n_embed=4)).eval()
        >>> hidden_states, attentions = encoder(torch.randn(6, 4), torch.ones(6, dtype=torch.bool))
        >>> len(hidden_states), len(attentions)  # the input and three layers; three layers
        (4, 3)
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        check_config(config)
        self.layers: list[BertLayer] = nn.ModuleList(BertLayer(config) for _ in range(config.n_layers))  # pyright: ignore
        # With norm_first nothing normalises the last sum, so the stack ends with a norm of its own.
        self.final_norm = nn.LayerNorm(config.n_embed, config.layer_norm_eps) if config.norm_first else nn.Identity()

    def forward(
        self,
        x: Float[Tensor, "*batch seq embed"],
        attention_mask: Bool[Tensor, "*batch seq"],
    ) -> tuple[
        tuple[Float[Tensor, "*batch seq embed"], ...],
        tuple[Float[Tensor, "*batch head query=seq key=seq"], ...],
    ]:
        """Run all layers.

        Args:
            x: One vector a token, from the embeddings.
            attention_mask: True where a token may be looked at, False where it is padding.

        Returns:
            The hidden states, the input first and the result last, and the attention weights of each layer.
        """
        hidden_states: list[Tensor] = [x]
        attentions: list[Tensor] = []
        for layer in self.layers:
            x, weights = layer(x, attention_mask)
            hidden_states.append(x)
            attentions.append(weights)
        hidden_states[-1] = self.final_norm(x)
        return tuple(hidden_states), tuple(attentions)
