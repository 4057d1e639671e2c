"""IFD's student: its losses against slow formulas, the images its teacher sees, and a run from end to end."""

import json
import math
import re
import shutil

import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper
from PIL import Image

from ifd_zoo import Predictor, load_model
from ifd_zoo.explain.gradcam import gradcam
from ifd_zoo.hub import save_release
from ifd_zoo.hub.check import check_release
from ifd_zoo.hub.export import export_onnx
from ifd_zoo.models.inference import infer
from tests.training import arguments, metrics
from tests.trees import draw_person, write_folder_tree
from train import ablation, checkpoint
from train import run as train_run
from train.build import build_loader, list_photos
from train.flags import parse_args
from train.methods.student import (
    AttentionDistillation,
    EmbeddingDistillation,
    LogitDistillation,
    SimilarityDistillation,
    average_views,
)
from train.studies.rows import DISTILLATION_TERMS, STUDIES
from train.teachers import load_teacher
from train.training import Run

SMALL = '--backbone test_efficientnet --checkpoint-steps 1 --picture-epochs 0 --precision fp32'.split()


def flags(root, output, teacher, *more):
    return arguments(root, output, '--recipe', 'student', '--teacher', str(teacher), *SMALL, *more)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photos')
    for pid in range(4):
        Image.fromarray(draw_person(90 + pid, pid, 0, (128, 64))[0]).save(folder / f'{pid}.png')
    return folder


@pytest.fixture(scope='module')
def teacher(root, tmp_path_factory):
    """The output folder of a finished run."""
    folder = tmp_path_factory.mktemp('teacher')
    assert train_run.main(arguments(root, folder, *SMALL)) == 0
    return folder


@pytest.fixture(scope='module')
def onnx_teacher(tmp_path_factory):
    """With statistics and a size of the pictures that are not the student's, as its file says."""
    return write_graph(tmp_path_factory.mktemp('onnx') / 'other.onnx', ('image',), mean='[0.5, 0.5, 0.5]')


def write_graph(path, inputs, **metadata):
    """Means of eight fields of a picture of 48x32, as one vector of 24 numbers."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ['n', 3, 48, 32]) for name in inputs]
    vector = helper.make_tensor_value_info('vector', TensorProto.FLOAT, ['n', 24])
    pool = helper.make_node('AveragePool', [inputs[0]], ['pooled'], kernel_shape=[12, 16], strides=[12, 16])
    graph = helper.make_graph([pool, helper.make_node('Flatten', ['pooled'], ['vector'])], 'means', values, [vector])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


@pytest.fixture(scope='module')
def run(root, teacher, photos, tmp_path_factory):
    """The smallest run with photos, with a checkpoint of every batch."""
    folder = tmp_path_factory.mktemp('student')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, 'KEPT', 100)
        assert train_run.main(flags(root, folder, teacher, '--photos', str(photos), '--num-photos', '2')) == 0
    return folder


# Losses


def softmax(scores, T):
    powers = [math.exp(score / T) for score in scores]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize('T', [1.0, 4.0])
def test_the_identity_scores_differ_by_their_divergence_at_a_temperature(T):
    logits, teacher = 3 * torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    pairs = zip(teacher.tolist(), logits.tolist(), strict=True)
    both = [(softmax(theirs, T), softmax(own, T)) for theirs, own in pairs]
    expected = T**2 * sum(p * math.log(p / q) for sides in both for p, q in zip(*sides, strict=True)) / 5
    assert float(LogitDistillation(T)(logits, teacher)) == pytest.approx(expected, abs=1e-6)


def test_the_attention_maps_differ_by_their_mean_square():
    own, teacher = torch.rand(2, 3, 1, 4, 2, generator=torch.Generator().manual_seed(0))
    expected = sum((a - b) ** 2 for a, b in zip(own.flatten().tolist(), teacher.flatten().tolist(), strict=True)) / 24
    assert float(AttentionDistillation()(own, teacher)) == pytest.approx(expected, abs=1e-6)
    # A teacher with cells of half the side says in the mean of four what the student is to say in one.
    assert float(AttentionDistillation()(own, teacher.repeat_interleave(2, 2).repeat_interleave(2, 3))) == (
        pytest.approx(expected, abs=1e-6)
    )


def test_the_embeddings_and_their_similarities_differ_by_their_cosines():
    generator = torch.Generator().manual_seed(0)
    own, teacher = torch.randn(5, 8, generator=generator), torch.randn(5, 8, generator=generator)
    wide = torch.randn(5, 13, generator=generator)

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    expected = sum(1 - cosine(a, b) for a, b in zip(own.tolist(), teacher.tolist(), strict=True)) / 5
    assert float(EmbeddingDistillation()(own, teacher)) == pytest.approx(expected, abs=1e-6)
    first, second = own.tolist(), wide.tolist()
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    expected = sum((cosine(first[i], first[j]) - cosine(second[i], second[j])) ** 2 for i, j in pairs) / 20
    assert float(SimilarityDistillation()(own, wide)) == pytest.approx(expected, abs=1e-6)


def test_both_views_of_a_photo_have_one_answer_and_people_keep_theirs():
    embedding = F.normalize(torch.randn(6, 4), dim=1)
    found = average_views(embedding, torch.tensor([3, -2, -2, 3, -5, 0]))
    assert torch.allclose(found[[0, 3, 4, 5]], embedding[[0, 3, 4, 5]], atol=1e-6)
    expected = F.normalize(embedding[1] + embedding[2], dim=0)
    assert torch.allclose(found[1:3], expected.expand(2, 4), atol=1e-6)


# What the teacher sees


def test_the_teacher_sees_the_same_view_in_its_own_colours(root, teacher, tmp_path):
    changing, as_is = ['--recolour', '1', '--background', '0.5'], ['--recolour', '0', '--background', '0']
    sharp = ['--erasing', '1', '--camera', '0']  # blur and JPEG spread colours
    config, _ = parse_args(flags(root, tmp_path / 'a', teacher, *changing, *sharp))
    plain, _ = parse_args(flags(root, tmp_path / 'b', teacher, *as_is, *sharp))
    batches = []
    for one in (config, plain):
        state = Run(one, '')
        batches.append(next(iter(build_loader(state.dataset, (64, 32), state.transform.masking, one))))
    for batch in batches:
        assert batch['original'].shape == batch['image'].shape
    changed = (batches[0]['original'] != batches[0]['image']).any(1, keepdim=True)
    clothes = batches[0]['clothing'].bool()
    assert changed[clothes].float().mean() > 0.5  # what is erased at random stays as it is
    near = F.max_pool2d(clothes.float(), 5, 1, 2).bool()
    assert not changed[~near].any()
    assert torch.equal(batches[1]['original'], batches[1]['image'])


def test_an_answer_is_the_test_feature_of_one_view(root, teacher, tmp_path):
    model, config = load_model(teacher / 'release'), parse_args(flags(root, tmp_path, teacher))[0]
    image, masked = torch.randn(2, 3, 3, 64, 32)
    answer, expected = load_teacher(config, torch.device('cpu'))(image, masked), infer(model, image, masked, flip=False)
    assert torch.equal(answer.embedding, expected.embedding) and torch.equal(answer.attention, expected.attention)


def test_an_onnx_file_answers_in_its_own_size_and_statistics(root, onnx_teacher, tmp_path):
    teacher = load_teacher(parse_args(flags(root, tmp_path, onnx_teacher))[0], torch.device('cpu'))
    pixels = torch.rand(3, 3, 48, 32)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    answer = teacher((pixels - mean) / std, None)
    seen = ((pixels - 0.5) / std).reshape(3, 3, 4, 12, 2, 16).mean((3, 5)).flatten(1)  # its file gives no deviation
    assert torch.allclose(answer.embedding, F.normalize(seen, dim=1), atol=1e-5) and answer.attention is None
    assert teacher(torch.randn(2, 3, 64, 32), None).embedding.shape == (2, teacher.num_features)


# Runs


def test_a_student_starts_from_its_teachers_main_stream(root, teacher, tmp_path):
    state, theirs = Run(parse_args(flags(root, tmp_path, teacher))[0], ''), load_model(teacher / 'release').state_dict()
    own = state.model.state_dict()
    assert all(torch.equal(own[key], value) for key, value in theirs.items() if key.startswith('main_stream.'))
    assert 'main stream: weights of ifd_' in (tmp_path / 'log.txt').read_text()


def test_losses_of_people_and_teacher_are_logged_and_the_teacher_is_recorded(run, teacher):
    terms = {'id_main', 'clothing', 'teacher_people', *DISTILLATION_TERMS}
    assert metrics(run)[-1]['losses'].keys() == terms
    info = json.loads((run / 'release/config.json').read_text())['ifd']
    theirs = load_model(teacher / 'release')
    assert info['training']['history']['teacher']['name'].startswith(theirs.pretrained_cfg['architecture'])
    assert str(teacher) not in (run / 'release/config.json').read_text()
    assert f'--teacher {teacher.name}' in info['command']
    card = (run / 'release/README.md').read_text()
    assert 'teacher: ifd_' in card and 'it needs no clothing mask' in card and 'an attention map says' in card


def test_a_resumed_student_ends_in_the_same_weights(run, root, teacher, photos, tmp_path):
    paths = checkpoint.Checkpoints(run / 'checkpoints').paths()
    (path,) = [path for path in paths if 'epoch0001-step000001' in path.name]
    (tmp_path / 'checkpoints').mkdir()
    shutil.copy(path, tmp_path / 'checkpoints')
    more = ['--photos', str(photos), '--num-photos', '2', '--resume']
    assert train_run.main(flags(root, tmp_path, teacher, *more)) == 0
    first, second = ((folder / 'release/model.safetensors').read_bytes() for folder in (run, tmp_path))
    assert first == second


def test_another_teacher_of_the_same_name_is_refused(run, root, teacher, photos, tmp_path, capsys):
    shutil.copytree(run, tmp_path / 'run')
    other = tmp_path / teacher.name
    model = load_model(teacher / 'release')
    torch.nn.init.zeros_(model.ikt.conv.weight)
    info = {key: value for key, value in model.release_info.items() if key not in ('sha256', 'precision')}
    save_release(model, other / 'release', 'folder', info)
    more = ['--photos', str(photos), '--num-photos', '2', '--resume']
    assert train_run.main(flags(root, tmp_path / 'run', other, *more)) == 2
    assert 'taught by another' in capsys.readouterr().err


@pytest.mark.filterwarnings('ignore:.*has not been checked in bf16')
def test_a_students_release_needs_no_mask_and_does_all_that_a_model_does(run, tmp_path):
    assert 'as released' in check_release(run / 'release')
    model = load_model(run / 'release')
    assert not model.needs_mask and not [key for key in model.state_dict() if 'attention_stream' in key]
    photo = draw_person(1, 2, 0)[0]
    found = Predictor(model, 'none', 'cpu').analyze([Image.fromarray(photo)])[0]
    assert found.attention.shape == (64, 32) and 0 <= found.attention.min() and found.attention.max() <= 1
    image = torch.randn(2, 3, 64, 32)
    reference = infer(model, image, image).embedding[:1]
    assert gradcam(model, image, image, reference).heatmap.shape == (2, 64, 32)
    export_onnx(model, tmp_path / 'm.onnx')
    session = onnxruntime.InferenceSession(tmp_path / 'm.onnx', providers=['CPUExecutionProvider'])
    assert [one.name for one in session.get_inputs()] == ['image']
    assert [one.name for one in session.get_outputs()] == ['embedding', 'attention']


def test_an_onnx_teacher_teaches_by_embedding_and_similarities_alone(root, onnx_teacher, tmp_path):
    assert train_run.main(flags(root, tmp_path, onnx_teacher, '--epochs', '1')) == 0
    assert metrics(tmp_path)[-1]['losses'].keys() == {'id_main', 'clothing', 'embedding', 'similarity'}


def test_terms_without_weight_are_left_out(root, teacher, tmp_path):
    off = [word for name in DISTILLATION_TERMS for word in (f'--{name}-weight', '0')]
    assert train_run.main(flags(root, tmp_path, teacher, '--epochs', '1', *off)) == 0
    assert metrics(tmp_path)[-1]['losses'].keys() == {'id_main', 'clothing'}


@pytest.mark.parametrize(
    'more, words',
    [
        (['--variant', 'student'], 'teacher: needed and used by the variant student'),
        (['--variant', 'ifd', '--teacher', 'ifd_resnet10t.synthetic'], 'the variant student only'),
        (['--recipe', 'student', '--teacher', 'nobody'], "teacher: no trained model 'nobody'"),
        (['--recipe', 'student', '--teacher', '{folder}/none.onnx'], 'none.onnx cannot be read as ONNX'),
        (['--recipe', 'student', '--teacher', '{folder}/two.onnx'], 'must have one input .*masked tensor'),
        (['--recipe', 'student', '--teacher', 'ifd_resnet10t.synthetic', '--fill', 'mean'], '--fill black'),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused_before_anything_is_parsed(more, words, root, tmp_path, capsys):
    write_graph(tmp_path / 'two.onnx', ('image', 'masked'))
    more = [word.format(folder=tmp_path) for word in more]
    assert train_run.main(arguments(root, tmp_path / 'run', '--masks', 'bundled', *SMALL, *more)) == 2
    assert re.search(words, capsys.readouterr().err) and not list(tmp_path.rglob('maps'))


def test_the_study_of_the_student_leaves_out_one_loss_in_each_row(tmp_path):
    words = ['--data', 'folder', '--root', str(tmp_path), '--output', str(tmp_path), '--study', 'student']
    words += ['--seeds', '0', '--recipe', 'student', '--', '--teacher', 'ifd_resnet10t.outfits']
    args = ablation.parse_args(words)
    study = ablation.Ablation(args)
    configs = {run.arm: parse_args(study._command(run)[2:-1])[0] for run in study.runs}
    assert list(configs) == list(STUDIES['student']) and {one.teacher for one in configs.values()} == {args.extra[1]}
    fields = [f'{name}_weight' for name in (*DISTILLATION_TERMS, 'ccl')]
    off = {arm: [field for field in fields if getattr(one, field) == 0] for arm, one in configs.items()}
    assert off == {
        'student': [], **{f'student-no_{field.removesuffix("_weight")}': [field] for field in fields},
        'student-untaught': fields[:-1],
    }  # fmt: skip
    assert set(fields) <= study.free


def test_photos_need_no_outfit_labels(root, teacher, photos, tmp_path):
    config, _ = parse_args(flags(root, tmp_path, teacher, '--photos', str(photos), '--num-photos', '2'))
    state = Run(config, '')
    batch = next(iter(state.engine.loader))
    views = batch['pid'] < 0
    assert views.sum() == 4 and len(list_photos(config)) == 4
    losses = state.stages[0].task(batch, 0.0)
    batch['clothes_id'][views] = 7
    again = state.stages[0].task(batch, 0.0)
    assert losses.keys() == again.keys() and torch.allclose(losses['clothing'], again['clothing'])
