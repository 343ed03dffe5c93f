
import django.db.models.deletion
import django.db.models.functions.text
import uuid
import vault.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0001_people_and_audit'),
        ('catalog', '0001_catalogue'),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('description', models.CharField(max_length=120, verbose_name='Description')),
                ('request_uri', models.CharField(max_length=2048, verbose_name='Request URI')),
                ('active', models.BooleanField(default=True, verbose_name='Status')),
                ('stopped_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='stopped at')),
                ('stopped_reason', models.CharField(blank=True, choices=[('gone', 'The receiver answered 410: the address is gone'), ('failing', 'Every recent attempt failed')], default='', editable=False, max_length=16)),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='archived at')),
                ('ready', models.BooleanField(default=False, editable=False, verbose_name='authentication complete')),
                ('notify_suspect_score', models.BooleanField(default=False, verbose_name='Notify suspect score changes')),
                ('retry_interval_seconds', models.PositiveIntegerField(default=300)),
                ('max_attempts', models.PositiveSmallIntegerField(default=5, verbose_name='Maximum number of attempts')),
                ('backoff', models.CharField(choices=[('fixed', 'Fixed interval'), ('exponential', 'Exponential back-off')], default='fixed', max_length=16, verbose_name='Back-off')),
                ('rate_limit_count', models.PositiveIntegerField(blank=True, null=True, verbose_name='Rate limit')),
                ('rate_limit_period_seconds', models.PositiveIntegerField(blank=True, choices=[(1, 'second'), (60, 'minute'), (3600, 'hour')], null=True)),
                ('body_format', models.CharField(default='documented', max_length=32, verbose_name='Body format')),
                ('auth_method', models.CharField(default='none', max_length=32, verbose_name='Authentication type')),
                ('auth_settings', models.JSONField(blank=True, default=dict)),
                ('auth_secrets', vault.fields.SealedField(label='webhooks.webhook')),
                ('auth_secrets_version', models.UUIDField(blank=True, editable=False, null=True)),
                ('auth_secrets_set_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('signing_secret', vault.fields.SealedField(label='webhooks.webhook')),
                ('signing_secret_version', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('signing_secret_set_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('signing_secret_shown_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('previous_signing_secret', vault.fields.SealedField(label='webhooks.webhook')),
                ('previous_signing_secret_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('private_ca', models.TextField(blank=True, default='', verbose_name='Private certificate authority')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('created_by', models.CharField(blank=True, default='', editable=False, max_length=200, verbose_name='created by')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed at')),
                ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='webhooks', to='access.participant', verbose_name='participant')),
            ],
            options={
                'verbose_name': 'webhook',
                'verbose_name_plural': 'webhooks',
                'ordering': ('description', 'id'),
            },
        ),
        migrations.CreateModel(
            name='WebhookVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('settings', models.JSONField()),
                ('secret_versions', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('at', models.DateTimeField(auto_now_add=True, verbose_name='time')),
                ('by', models.CharField(max_length=200, verbose_name='by')),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='webhooks.webhook')),
            ],
            options={
                'verbose_name': 'webhook version',
                'verbose_name_plural': 'webhook versions',
                'ordering': ('webhook', '-number'),
            },
        ),
        migrations.AddField(
            model_name='webhook',
            name='current_version',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='webhooks.webhookversion'),
        ),
        migrations.CreateModel(
            name='ProductSubscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='webhook_subscriptions', to='catalog.product')),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='product_subscriptions', to='webhooks.webhook')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('webhook', 'product'), name='webhooks_subscription_once_per_product')],
            },
        ),
        migrations.CreateModel(
            name='EventTypeSubscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_type', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='event_type_subscriptions', to='webhooks.webhook')),
            ],
            options={
                'indexes': [models.Index(fields=['event_type', 'webhook'], name='webhooks_subscribed_to_type')],
                'constraints': [models.UniqueConstraint(fields=('webhook', 'event_type'), name='webhooks_subscription_once_per_type')],
            },
        ),
        migrations.CreateModel(
            name='WebhookHeader',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('position', models.PositiveSmallIntegerField()),
                ('name', models.CharField(max_length=64)),
                ('secret', models.BooleanField(default=True)),
                ('value', models.TextField(blank=True, default='')),
                ('sealed_value', vault.fields.SealedField(label='webhooks.header')),
                ('secret_version', models.UUIDField(blank=True, editable=False, null=True)),
                ('secret_set_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='headers', to='webhooks.webhook')),
            ],
            options={
                'ordering': ('webhook', 'position', 'id'),
                'constraints': [models.UniqueConstraint(models.F('webhook'), django.db.models.functions.text.Lower('name'), name='webhooks_header_one_per_name'), models.CheckConstraint(condition=models.Q(models.Q(('secret', True), ('secret_version__isnull', False), ('value', '')), models.Q(('secret', False), ('secret_version__isnull', True)), _connector='OR'), name='webhooks_header_secret_never_plain')],
            },
        ),
        migrations.CreateModel(
            name='WebhookTest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('by', models.CharField(max_length=200, verbose_name='by')),
                ('at', models.DateTimeField(verbose_name='time')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished at')),
                ('succeeded', models.BooleanField(default=False, verbose_name='succeeded')),
                ('response_status', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='status')),
                ('diagnosis', models.CharField(blank=True, default='', max_length=64)),
                ('exchange', models.JSONField(blank=True, default=dict)),
                ('participant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.participant', verbose_name='participant')),
                ('webhook', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tests', to='webhooks.webhook', verbose_name='webhook')),
            ],
            options={
                'verbose_name': 'webhook test',
                'verbose_name_plural': 'webhook tests',
                'ordering': ('-at', '-id'),
                'indexes': [models.Index(fields=['participant', 'at'], name='webhooks_test_rate')],
                'constraints': [models.CheckConstraint(condition=models.Q(('succeeded', False), models.Q(('diagnosis', ''), ('finished_at__isnull', False)), _connector='OR'), name='webhooks_test_succeeded_when_finished')],
            },
        ),
        migrations.AddConstraint(
            model_name='webhookversion',
            constraint=models.UniqueConstraint(fields=('webhook', 'number'), name='webhooks_version_number'),
        ),
        migrations.AddConstraint(
            model_name='webhookversion',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='webhooks_version_counts_from_one'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.UniqueConstraint(condition=models.Q(('archived_at__isnull', True), ('notify_suspect_score', True)), fields=('participant',), name='webhooks_one_suspect_score_per_participant'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('backoff__in', ['fixed', 'exponential'])), name='webhooks_webhook_backoff'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('stopped_at__isnull', True), ('stopped_reason', '')), models.Q(('stopped_at__isnull', False), ('stopped_reason__in', ['gone', 'failing'])), _connector='OR'), name='webhooks_webhook_stopped_with_reason'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('archived_at__isnull', True), ('active', False), _connector='OR'), name='webhooks_webhook_archived_is_inactive'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('retry_interval_seconds__gte', 1), ('retry_interval_seconds__lte', 86400)), name='webhooks_webhook_retry_interval'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('max_attempts__gte', 1), ('max_attempts__lte', 20)), name='webhooks_webhook_max_attempts'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('rate_limit_count__isnull', True), ('rate_limit_period_seconds__isnull', True)), models.Q(('rate_limit_count__gte', 1), ('rate_limit_count__isnull', False), ('rate_limit_count__lte', 10000), ('rate_limit_period_seconds__in', [1, 60, 3600]), ('rate_limit_period_seconds__isnull', False)), _connector='OR'), name='webhooks_webhook_rate_limit'),
        ),
    ]
