"""Tiny models with random weights, saved as their families are published: config.json, safetensors, preprocessing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
TEXT = {**SMALL, "vocab_size": 64, "max_position_embeddings": 8}
SIDE = 32
WORDS = ["a", "red", "blue", "kitchen", "dog", "street", "of", "the"]


@dataclass(frozen=True)
class Checkpoint:
    """`reference` gives the library's own vectors of normalised pixels, shaped as its models take them."""

    setting: str
    folder: Path
    reference: Callable[[torch.Tensor], torch.Tensor]
    processor: object | None = None
    extra: dict | None = None


def dinov2(folder: Path) -> Checkpoint:
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=8)
    Dinov2Model(config).save_pretrained(folder)
    processor = BitImageProcessor(
        size={"shortest_edge": 36}, crop_size={"height": SIDE, "width": SIDE}, resample=3, do_center_crop=True,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    processor.save_pretrained(folder)
    model = Dinov2Model.from_pretrained(folder).eval()
    return Checkpoint(f"dinov2:{folder}", folder, lambda x: model(x).last_hidden_state[:, 0], processor)


def dinov2_registers(folder: Path) -> Checkpoint:
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    config = Dinov2WithRegistersConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=224, patch_size=56
    )
    Dinov2WithRegistersModel(config).save_pretrained(folder)
    model = Dinov2WithRegistersModel.from_pretrained(folder).eval()
    return Checkpoint(f"dinov2:{folder}", folder, lambda x: model(x).last_hidden_state[:, 0])


def dinov3(folder: Path) -> Checkpoint:
    from transformers import DINOv3ViTConfig, DINOv3ViTImageProcessor, DINOv3ViTModel

    DINOv3ViTModel(DINOv3ViTConfig(**SMALL, image_size=SIDE, patch_size=8, num_register_tokens=2)).save_pretrained(
        folder
    )
    processor = DINOv3ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    processor.save_pretrained(folder)
    model = DINOv3ViTModel.from_pretrained(folder).eval()
    return Checkpoint(f"dinov3:{folder}", folder, lambda x: model(x).pooler_output, processor)


def dinov3_convnext(folder: Path) -> Checkpoint:
    from transformers import DINOv3ConvNextConfig, DINOv3ConvNextModel, DINOv3ViTImageProcessor

    config = DINOv3ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1])
    DINOv3ConvNextModel(config).save_pretrained(folder)
    processor = DINOv3ViTImageProcessor(size={"height": 64, "width": 64})
    processor.save_pretrained(folder)
    model = DINOv3ConvNextModel.from_pretrained(folder).eval()
    return Checkpoint(f"dinov3:{folder}", folder, lambda x: model(x).pooler_output, processor)


def clip(folder: Path) -> Checkpoint:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    vision = {**SMALL, "image_size": SIDE, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=TEXT, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    processor.save_pretrained(folder)
    words(folder)
    model = CLIPModel.from_pretrained(folder).eval()
    return Checkpoint(
        f"clip:{folder}",
        folder,
        lambda x: model.get_image_features(pixel_values=x).pooler_output,
        processor,
        {"texts": lambda tokens: model.get_text_features(**tokens).pooler_output},
    )


def siglip(folder: Path) -> Checkpoint:
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    vision = {**SMALL, "image_size": SIDE, "patch_size": 8}
    SiglipModel(SiglipConfig(text_config={**TEXT, "projection_size": 32}, vision_config=vision)).save_pretrained(folder)
    processor = SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
    processor.save_pretrained(folder)
    words(folder)
    model = SiglipModel.from_pretrained(folder).eval()
    return Checkpoint(
        f"siglip2:{folder}",
        folder,
        lambda x: model.get_image_features(pixel_values=x).pooler_output,
        processor,
        {"texts": lambda tokens: model.get_text_features(input_ids=tokens["input_ids"]).pooler_output},
    )


def siglip2_naflex(folder: Path) -> Checkpoint:
    from transformers import Siglip2Config, Siglip2ImageProcessor, Siglip2Model

    vision = {**SMALL, "num_patches": 16, "patch_size": 8}
    Siglip2Model(Siglip2Config(text_config={**TEXT, "projection_size": 32}, vision_config=vision)).save_pretrained(
        folder
    )
    processor = Siglip2ImageProcessor(patch_size=8, max_num_patches=24)
    processor.save_pretrained(folder)
    words(folder)
    model = Siglip2Model.from_pretrained(folder).eval()
    return Checkpoint(
        f"siglip2:{folder}",
        folder,
        lambda inputs: model.get_image_features(**inputs).pooler_output,
        processor,
        {"texts": lambda tokens: model.get_text_features(input_ids=tokens["input_ids"]).pooler_output},
    )


def internvit(folder: Path) -> Checkpoint:
    from transformers import GotOcr2ImageProcessor, InternVLVisionConfig, InternVLVisionModel

    config = InternVLVisionConfig(**SMALL, image_size=[SIDE, SIDE], patch_size=[8, 8])
    InternVLVisionModel(config).save_pretrained(folder)
    processor = GotOcr2ImageProcessor(size={"height": SIDE, "width": SIDE}, crop_to_patches=False)
    processor.save_pretrained(folder)
    model = InternVLVisionModel.from_pretrained(folder).eval()
    return Checkpoint(f"internvit:{folder}", folder, lambda x: model(x).last_hidden_state[:, 1:].mean(1), processor)


def vjepa2(folder: Path) -> Checkpoint:
    from transformers import VJEPA2Config, VJEPA2Model, VJEPA2VideoProcessor

    config = VJEPA2Config(
        patch_size=8, crop_size=SIDE, hidden_size=24, num_attention_heads=2, num_hidden_layers=2, pred_hidden_size=24,
        pred_num_attention_heads=2, pred_num_hidden_layers=1, frames_per_clip=4,
    )  # fmt: skip
    VJEPA2Model(config).save_pretrained(folder)
    processor = VJEPA2VideoProcessor(crop_size=SIDE)
    processor.save_pretrained(folder)
    model = VJEPA2Model.from_pretrained(folder).eval()
    return Checkpoint(
        f"vjepa2:{folder}", folder, lambda x: model(x, skip_predictor=True).last_hidden_state.mean(1), processor
    )


def timm_file(folder: Path) -> Checkpoint:
    import timm
    from safetensors.torch import save_file

    model = timm.create_model("test_vit.r160_in1k").eval()
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "weights.safetensors")
    processor = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    return Checkpoint(
        f"timm:test_vit.r160_in1k@{folder / 'weights.safetensors'}",
        folder,
        lambda x: model.forward_head(model.forward_features(x), pre_logits=True),
        processor,
    )


def timm_folder(folder: Path) -> Checkpoint:
    import timm

    model = timm.create_model("test_resnet.r160_in1k").eval()
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    return Checkpoint(f"timm:{folder}", folder, lambda x: model.forward_features(x).mean(dim=(2, 3)))


def inception(folder: Path) -> Checkpoint:
    from facenet_pytorch import InceptionResnetV1

    model = InceptionResnetV1(pretrained=None).eval()
    folder.mkdir(parents=True)
    published = {**model.state_dict(), "logits.weight": torch.zeros(2, 512), "logits.bias": torch.zeros(2)}
    torch.save(published, folder / "weights.pt")
    return Checkpoint(f"inception:{folder / 'weights.pt'}", folder, model)


MAKERS = {
    "dinov2": dinov2,
    "dinov2-registers": dinov2_registers,
    "dinov3": dinov3,
    "dinov3-convnext": dinov3_convnext,
    "clip": clip,
    "siglip": siglip,
    "siglip2-naflex": siglip2_naflex,
    "internvit": internvit,
    "vjepa2": vjepa2,
    "timm-file": timm_file,
    "timm-folder": timm_folder,
    "inception": inception,
}


def words(folder: Path) -> None:
    """A tokenizer of a word a token, in the files that AutoTokenizer reads."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: index for index, word in enumerate(["<pad>", "<unk>", "<bos>", "<eos>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 2), ("<eos>", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<bos>", eos_token="<eos>"
    ).save_pretrained(folder)


def pictures() -> list[np.ndarray]:
    """Of different sizes and aspects, with the spectrum of photographs."""
    rng = np.random.default_rng(5)
    sizes = [(90, 160), (160, 90), (64, 64), (200, 300), (48, 40), (120, 121), (77, 140)]
    return [natural(rng, height, width) for height, width in sizes]


def natural(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise whose amplitude falls with the frequency, as in photographs (Field 1987)."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    spectrum = np.fft.rfft2(rng.normal(size=(3, height, width))) / (frequency + 1 / max(height, width)) ** 1.2
    planes = np.fft.irfft2(spectrum, s=(height, width))
    planes = (planes - planes.mean()) / planes.std()
    return np.clip(planes * 50 + 128, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()
