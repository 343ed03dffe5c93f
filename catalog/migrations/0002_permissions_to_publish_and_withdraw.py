from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_catalogue")]

    operations = [
        migrations.AlterModelOptions(
            name="publication",
            options={
                "ordering": ["-created_at", "-pk"],
                "permissions": [
                    ("publish_publication", "Can publish a file"),
                    ("withdraw_publication", "Can withdraw a publication"),
                ],
                "verbose_name": "publication",
                "verbose_name_plural": "publications",
            },
        ),
    ]
